//go:build !race

package testkit

// Race is whether the race detector is on. It takes ten times as long for code that never
// shares memory: tests of sizes and counts do less, or nothing, then.
const Race = false
