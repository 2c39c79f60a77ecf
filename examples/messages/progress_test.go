package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/mailbox"
)

// TestProgress: there is a line every 10 seconds, or one that changes on a terminal, and it shows
// what is left.
func TestProgress(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			mails := func(yield func(*mailbox.Mail, error) bool) {
				for range 60 {
					if !yield(&mailbox.Mail{}, nil) {
						return
					}
				}
			}
			var out strings.Builder
			p := startProgress(&out, terminal)
			for _, err := range p.counted(mails) {
				if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second - time.Millisecond)
				if p.count.Load() == 25 {
					break
				}
			}
			p.end()
			want := "10 of 60 mails, about 50s left\n20 of 60 mails, about 40s left\n"
			got := out.String()
			if terminal {
				want = eraseLine + "20 of 60 mails, about 40s left" + eraseLine
				if !strings.HasSuffix(got, " left"+eraseLine) || !strings.HasPrefix(got, eraseLine+"0 mails"+eraseLine) {
					t.Errorf("got %q", got)
				}
			}
			if !strings.Contains(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
