//! Single steps: indexing, decoding, encoding.

use std::hint::black_box;

use asyncapy::packet::{EncodePacket, TypedPacket};
use asyncapy::wire::{Encoding, Index, PayloadLimits, View};
use bytes::BytesMut;

use crate::Effort;
use crate::figures::{compare, in_turns, median, thread_cpu};
use crate::order::Order;

/// Nanoseconds a call.
fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    let began = thread_cpu();
    for _ in 0..calls {
        call();
    }
    (thread_cpu() - began) as f64 / f64::from(calls)
}

pub fn run(effort: Effort) {
    println!("Single steps on one packet, ns");
    println!("{:<44}{:>9}{:>9}{:>7}", "", "ours", "serde", "ratio");
    let calls = effort.round.as_millis() as u32 * 400;
    let limits = PayloadLimits::default();
    for encoding in [Encoding::Json, Encoding::ZiProto] {
        let order = Order::numbered(7);
        let payload = order.payload(encoding);
        let size = payload.len();
        let mut index = Index::default();
        let mut build = || time(calls, || index.build(black_box(&payload), encoding, &limits).unwrap());
        let took = median((0..effort.rounds).map(|_| build()).collect());
        println!("{:<44}{took:>9.0}", format!("{encoding}, {size} bytes: check and index"));

        let mut index = Index::default();
        index.build(&payload, encoding, &limits).unwrap();
        let decode = || {
            time(calls, || {
                let view = View::new(black_box(&payload), encoding, &index);
                black_box(Order::decode_packet(view).unwrap());
            })
        };
        let by_serde = || {
            time(calls, || {
                let order: Order = match encoding {
                    Encoding::Json => serde_json::from_slice(black_box(&payload)).unwrap(),
                    _ => rmp_serde::from_slice(black_box(&payload)).unwrap(),
                };
                black_box(order);
            })
        };
        report(&format!("{encoding}: decode, indexed before"), &in_turns(effort.rounds, decode, by_serde));

        let mut index = Index::default();
        let both = || {
            time(calls, || {
                index.build(black_box(&payload), encoding, &limits).unwrap();
                black_box(Order::decode_packet(View::new(&payload, encoding, &index)).unwrap());
            })
        };
        report(&format!("{encoding}: index and decode"), &in_turns(effort.rounds, both, by_serde));

        let mut out = BytesMut::with_capacity(1024);
        let encode = || {
            time(calls, || {
                out.clear();
                black_box(&order).encode_packet(encoding, &mut out).unwrap();
                black_box(&out);
            })
        };
        let mut vec = Vec::with_capacity(1024);
        let by_serde = || {
            time(calls, || {
                vec.clear();
                match encoding {
                    Encoding::Json => serde_json::to_writer(&mut vec, black_box(&order)).unwrap(),
                    _ => rmp_serde::encode::write_named(&mut vec, black_box(&order)).unwrap(),
                }
                black_box(&vec);
            })
        };
        report(&format!("{encoding}: encode"), &in_turns(effort.rounds, encode, by_serde));
    }
    println!();
}

fn report(name: &str, pairs: &[(f64, f64)]) {
    let (ours, serde, ratio) = compare(pairs);
    println!("{name:<44}{ours:>9.0}{serde:>9.0}{ratio:>7.2}");
}
