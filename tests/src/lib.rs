//! What the behaviour tests share: servers on free ports, raw clients, deadlines.
