//! What processes keep from others, and what device hosts may not do: seen by what a module can do
//! in one, and by what the kernel says of it.

mod homes;
mod memory;
mod neighbours;
mod processes;
mod sandbox;
mod spawner;
