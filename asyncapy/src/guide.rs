//! The guide, chapter by chapter.
//!
//! 1. [Getting started](getting_started)
//! 2. [Filters and groups](filters_and_groups)
//! 3. [Sessions and limits](sessions_and_limits)
//! 4. [Errors](errors)
//! 5. [Migrating from AsyncAPY](migrating)
//! 6. [Protocol V2](protocol_v2)

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}
#[doc = include_str!("../docs/filters-and-groups.md")]
pub mod filters_and_groups {}
#[doc = include_str!("../docs/getting-started.md")]
pub mod getting_started {}
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}
#[doc = include_str!("../docs/protocol-v2.md")]
pub mod protocol_v2 {}
#[doc = include_str!("../docs/sessions-and-limits.md")]
pub mod sessions_and_limits {}
