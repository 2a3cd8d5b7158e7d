//! The guide, chapter by chapter.
//!
//! - [Getting started](getting_started)
//! - [Filters and groups](filters_and_groups)
//! - [Calls](calls)
//! - [Streams and channels](streams)
//! - [Sessions and limits](sessions_and_limits)
//! - [Middleware](middleware)
//! - [Observability](observability)
//! - [Processors](processors)
//! - [Errors](errors)
//! - [Clients and tests](clients_and_tests)
//! - [Clients of several servers](clients)
//! - [HTTP gateway](gateway)
//! - [The command line](command_line)
//! - [Migrating from AsyncAPY](migrating)
//! - [Coming from rap](coming_from_rap)
//! - [Protocol V2](protocol_v2)
//! - [Protocol V3](protocol_v3)

#[doc = include_str!("../docs/calls.md")]
pub mod calls {}
#[doc = include_str!("../docs/clients.md")]
pub mod clients {}
#[doc = include_str!("../docs/clients-and-tests.md")]
pub mod clients_and_tests {}
#[doc = include_str!("../docs/coming-from-rap.md")]
pub mod coming_from_rap {}
#[doc = include_str!("../docs/command-line.md")]
pub mod command_line {}
#[doc = include_str!("../docs/errors.md")]
pub mod errors {}
#[doc = include_str!("../docs/filters-and-groups.md")]
pub mod filters_and_groups {}
#[cfg_attr(feature = "gateway", doc = include_str!("../docs/gateway.md"))]
#[cfg_attr(not(feature = "gateway"), doc = "This chapter needs the feature `gateway`.")]
pub mod gateway {}
#[doc = include_str!("../docs/getting-started.md")]
pub mod getting_started {}
#[doc = include_str!("../docs/middleware.md")]
pub mod middleware {}
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}
#[doc = include_str!("../docs/observability.md")]
pub mod observability {}
#[doc = include_str!("../docs/processors.md")]
pub mod processors {}
#[doc = include_str!("../docs/protocol-v2.md")]
pub mod protocol_v2 {}
#[doc = include_str!("../docs/protocol-v3.md")]
pub mod protocol_v3 {}
#[doc = include_str!("../docs/sessions-and-limits.md")]
pub mod sessions_and_limits {}
#[doc = include_str!("../docs/streams.md")]
pub mod streams {}
