package engine

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

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

// TestRoom: a body gets room for what the response announces, but not for much more than what
// arrives, and is read to its end whatever is announced.
func TestRoom(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	for _, tt := range []struct{ arrives, announced, limit, most int }{
		{100, 100, mb, 100 + 2*bytes.MinRead},
		{20 * mb, 20 * mb, 64 * mb, 20*mb + 16<<10},
		{20 * mb, 20 * mb, 20 * mb, 20*mb + 16<<10},
		{100, 64 * mb, 64 * mb, mb + 16<<10},
		{2 * mb, 64 * mb, 64 * mb, 9 * mb},
		{3 * mb, 10, 64 * mb, 8 * mb},
		{3 * mb, -1, 64 * mb, 8 * mb},
		{3 * mb, -1, mb, 4 * mb},
		{3 * mb, 2 * mb, 2 * mb, 3 * mb},
		{0, 0, mb, mb},
		{0, -1, mb, mb},
		{0, mb, mb, 2 * mb},
	} {
		var b bodyBuffer
		text := strings.Repeat("x", tt.arrives)
		n, err := b.readAll(iotest.DataErrReader(strings.NewReader(text)), int64(tt.announced), int64(tt.limit))
		if want := min(tt.arrives, tt.limit); err != nil || n != int64(want) || b.String() != text[:want] {
			t.Errorf("%+v: read %d bytes, %v", tt, n, err)
		}
		if b.Cap() > tt.most {
			t.Errorf("%+v: there is room for %d bytes", tt, b.Cap())
		}
		if b.from.R != nil {
			t.Errorf("%+v: the buffer keeps the body", tt)
		}
	}
}
