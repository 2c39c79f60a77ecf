package engine

import "testing"

// TestLargeBuffersAreNotPooled: one large response must not keep its memory for good.
func TestLargeBuffersAreNotPooled(t *testing.T) {
	t.Parallel()
	for _, size := range []int{maxPooled + 1, 10 * maxPooled} {
		buf := new(bodyBuffer)
		buf.Grow(size)
		(&Response{buffer: buf}).Release()
	}
	for range 100 {
		if buf := bodies.Get().(*bodyBuffer); buf.Cap() > maxPooled {
			t.Fatalf("a buffer of %d bytes is pooled", buf.Cap())
		}
	}
}
