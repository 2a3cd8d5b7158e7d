//! The guide, chapter by chapter.
//!
//! 1. [Getting started](getting_started)
//! 2. [Filters and groups](filters_and_groups)
//! 3. [Sessions and limits](sessions_and_limits)
//! 4. [Middleware](middleware)
//! 5. [Errors](errors)
//! 6. [Clients and tests](clients_and_tests)
//! 7. [The command line](command_line)
//! 8. [Migrating from AsyncAPY](migrating)
//! 9. [Protocol V2](protocol_v2)
//! 10. [Protocol V3](protocol_v3)
//! 5. [Processors](processors)
//! 6. [Errors](errors)
//! 7. [Clients and tests](clients_and_tests)
//! 8. [The command line](command_line)
//! 9. [Migrating from AsyncAPY](migrating)
//! 10. [Protocol V2](protocol_v2)

#[doc = include_str!("../docs/clients-and-tests.md")]
pub mod clients_and_tests {}
#[doc = include_str!("../docs/command-line.md")]
pub mod command_line {}
#[doc = include_str!("../docs/errors.md")]
pub mod errors {}
#[doc = include_str!("../docs/filters-and-groups.md")]
pub mod filters_and_groups {}
#[doc = include_str!("../docs/getting-started.md")]
pub mod getting_started {}
#[doc = include_str!("../docs/middleware.md")]
pub mod middleware {}
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}
#[doc = include_str!("../docs/processors.md")]
pub mod processors {}
#[doc = include_str!("../docs/protocol-v2.md")]
pub mod protocol_v2 {}
#[doc = include_str!("../docs/protocol-v3.md")]
pub mod protocol_v3 {}
#[doc = include_str!("../docs/sessions-and-limits.md")]
pub mod sessions_and_limits {}
