package engine

import (
	"testing"
	"time"
)

// TestPatienceEnds: an attempt that has ended leaves no timer behind.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	var p patience
	ctx := p.begin(t.Context(), time.Hour)
	if p.over() || ctx.Err() != nil {
		t.Error("it is over before it ends")
	}
	p.end()
	if p.timer.Stop() || !p.over() || ctx.Err() == nil {
		t.Error("it goes on after its end")
	}
}
