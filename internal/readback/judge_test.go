package readback_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// TestOlderRecord: a response that names a record that is a minute too old is believed,
// unless the list shows another one. Its clock may be behind.
func TestOlderRecord(t *testing.T) {
	t.Parallel()
	for _, shown := range []bool{true, false} {
		t.Run(strconv.FormatBool(shown), func(t *testing.T) {
			t.Parallel()
			inBubble(t, settle, func(t *testing.T, d *desk) {
				named := func(id string) readback.Creation {
					c := d.creation()
					c.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
						if shown {
							d.lists.show(t, "7")
						}
						d.Clock().Observe(time.Now(), time.Now(), time.Now())
						old := time.Now().Add(-time.Minute + 700*ms).UTC().Format(`"` + time.RFC3339Nano + `"`)
						row := rowOf(t, `{"id":`+id+`,"email":"ada@example.com","created_at":`+old+`}`)
						return readback.Answer{ID: row.ID(), Row: row, Sent: sent + 1}
					}
					return c
				}
				row, err := d.Create(t.Context(), named("9"))
				if err != nil || row.ID() == "7" != shown || row != nil != shown {
					t.Fatalf("%v, %v", row, err)
				}
				if shown {
					return
				}
				if took := time.Since(d.lists.began); took != 5*sec {
					t.Errorf("after %s", took)
				}
				begun := time.Now() // now the clock of the records is known
				if row, err := d.Create(t.Context(), named("10")); err != nil || row != nil || time.Since(begun) > 0 {
					t.Errorf("then %v, %v after %s", row, err, time.Since(begun))
				}
			})
		})
	}
}

// TestOtherRecord: a response about another record is not believed, and the create is looked
// for. If it is not there it may have been rewritten, so it is not absent.
func TestOtherRecord(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another e-mail":    `{"id":9,"email":"bob@example.com"}`,
		"of another create": `{"id":6,"email":"ada@example.com"}`,
	} {
		for _, carriedOut := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, settle, func(t *testing.T, d *desk) {
					first := d.creation()
					first.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
						return readback.Answer{ID: "6", Row: d.lists.show(t, "6"), Sent: sent + 1}
					}
					if _, err := d.Create(t.Context(), first); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					c := d.creation()
					c.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
						if carriedOut {
							d.lists.show(t, "7")
						}
						d.Clock().Observe(time.Now(), time.Now(), time.Now())
						row := rowOf(t, text)
						return readback.Answer{ID: row.ID(), Row: row, Other: func() error { return errOther }, Sent: sent + 1}
					}
					row, err := d.Create(t.Context(), c)
					if carriedOut {
						if err != nil || row.ID() != "7" {
							t.Errorf("%v, %v", row, err)
						}
						return
					}
					e := unknown(t, err)
					if e.Last != errOther || e.Token.Named != (name != "of another create") || !slices.Equal(e.Token.Taken, []wire.ID{"6"}) {
						t.Errorf("%+v", e)
					}
					if _, err = d.Resolve(t.Context(), e.Token, c.List); errors.Is(err, readback.ErrAbsent) == e.Token.Named {
						t.Errorf("then it is %v", err)
					}
				})
			})
		}
	}
}

// TestDeleted: a list need not have a record that was deleted, and its id may come again.
func TestDeleted(t *testing.T) {
	t.Parallel()
	for _, deleted := range []bool{true, false} {
		inBubble(t, settle, func(t *testing.T, d *desk) {
			first := d.creation()
			first.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
				return readback.Answer{ID: "6", Row: rowOf(t, `{"id":6,"email":"ada@example.com"}`), Sent: sent + 1}
			}
			second := d.creation()
			_, err := d.Create(t.Context(), second)
			e := unknown(t, err)
			if _, err := d.Create(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			if deleted {
				d.Deleted(match.Contact, "6")
			}
			time.Sleep(time.Second)
			_, err = d.Resolve(t.Context(), e.Token, second.List)
			if absent := errors.Is(err, readback.ErrAbsent); absent != deleted {
				t.Errorf("deleted %t: %v", deleted, err)
			}
		})
	}
}

// TestTaken: the token of a create that is unknown names the records that are known to be of
// equal creates, so that another process does not give it one of them.
func TestTaken(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		first := d.creation()
		first.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
			return readback.Answer{ID: "6", Row: d.lists.show(t, "6"), Sent: sent + 1}
		}
		second := d.creation()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := d.Create(t.Context(), first); err != nil {
				t.Error(err)
			}
		})
		_, err := d.Create(t.Context(), second)
		wg.Wait()
		e := unknown(t, err)
		if !slices.Equal(e.Token.Taken, []wire.ID{"6"}) {
			t.Errorf("taken are %v", e.Token.Taken)
		}
		for name, token := range map[string]readback.Token{"with it": e.Token, "without": second.Token} {
			other := newDesk(settle, nil)
			other.lists.rows = d.lists.rows
			row, err := other.Resolve(t.Context(), token, second.List)
			if absent := errors.Is(err, readback.ErrAbsent); absent != (name == "with it") {
				t.Errorf("%s: %v, %v", name, row, err)
			}
		}
	})
}

// TestInFlight: a record may be that of an equal create whose response is still to come, so
// it is given to no other.
func TestInFlight(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		slow, fast := d.creation(), d.creation()
		slow.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
			row := d.lists.show(t, "6")
			time.Sleep(8 * time.Second)
			other := func() error { return errOther }
			return readback.Answer{ID: "6", Row: row, Other: other, Sent: sent + 1}
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := d.Create(t.Context(), slow); err != nil {
				t.Error(err)
			}
		})
		row, err := d.Create(t.Context(), fast)
		if err == nil {
			t.Errorf("found %v", row)
		}
		wg.Wait()
		if _, err := d.Resolve(t.Context(), fast.Token, fast.List); !errors.Is(err, readback.ErrAbsent) {
			t.Errorf("then it is %v", err)
		}
	})
}

// TestBegunDuringRead: a list can have the record of an equal create that began while the list
// was read, so that record is given to no other.
func TestBegunDuringRead(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{}, func(t *testing.T, d *desk) {
		slow, lost := d.creation(), d.creation()
		slow.Send = func(_ context.Context, sent int, _ func() error) readback.Answer {
			row := d.lists.show(t, "6")
			time.Sleep(20 * time.Second)
			return readback.Answer{ID: "6", Row: row, Sent: sent + 1}
		}
		d.lists.read = func(context.Context, int) error {
			time.Sleep(8 * time.Second)
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(time.Second) // while the first list is read
			if _, err := d.Create(t.Context(), slow); err != nil {
				t.Error(err)
			}
		})
		row, err := d.Create(t.Context(), lost)
		if err == nil {
			t.Errorf("found %v", row)
		}
		wg.Wait()
	})
}

// TestElsewhere: a create for another user, or with times of its own, is found if the list
// shows it, and not absent if the list does not.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for content, why := range map[string]string{
		`{"email":"ada@example.com","user_id":2}`:                              "the record is for another user, whose list this is not",
		`{"email":"ada@example.com","contact_owner":"bob@example.com"}`:        "the record is for another user, whose list this is not",
		`{"email":"ada@example.com","owner":{"id":2}}`:                         "the record is for another user, whose list this is not",
		`{"email":"ada@example.com","created_at":"2015-01-01T00:00:00Z"}`:      "the record was sent with times of its own, and lists may go by them",
		`{"email":"ada@example.com","user_id":1,"linkedin_username":"ada"}`:    "",
		`{"email":"ada@example.com","user_id":null,"is_user":true,"title":""}`: "",
	} {
		for _, shown := range []bool{true, false} {
			t.Run(strings.ReplaceAll(content, "@", " at "), func(t *testing.T) {
				t.Parallel()
				inBubble(t, settle, func(t *testing.T, d *desk) {
					c := d.creation()
					c.Token.Content = json.RawMessage(content)
					_, err := d.Create(t.Context(), c)
					e := unknown(t, err)
					if shown {
						d.lists.showText(t, strings.Replace(content, "{", `{"id":7,"updated_at":"NOW",`, 1))
						if c := rowOf(t, content); c.Text("created_at") == "" {
							d.lists.rows[0]["created_at"] = d.lists.rows[0]["updated_at"]
						}
					}
					row, err := d.Resolve(t.Context(), e.Token, c.List)
					switch {
					case shown:
						if err != nil || row.ID() != "7" {
							t.Errorf("%v, %v", row, err)
						}
					case why == "":
						if !errors.Is(err, readback.ErrAbsent) {
							t.Errorf("%v", err)
						}
					case unknown(t, err).Last.Error() != why:
						t.Errorf("%v", err)
					}
				})
			})
		}
	}
}

// TestRepeatInFlight is TestInFlight for a create that is sent again.
func TestRepeatInFlight(t *testing.T) {
	t.Parallel()
	inBubble(t, readback.Policy{Settle: sec, ReplayAfter: sec}, func(t *testing.T, d *desk) {
		again := d.creation()
		again.MayRepeat = func(sent int) bool { return sent < 2 }
		again.Send = func(ctx context.Context, sent int, _ func() error) readback.Answer {
			if sent == 0 {
				return lost(ctx, sent, nil)
			}
			row := d.lists.show(t, "6")
			time.Sleep(8 * time.Second)
			other := func() error { return errOther }
			return readback.Answer{ID: "6", Row: row, Other: other, Sent: sent + 1}
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := d.Create(t.Context(), again); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(900 * ms)
		other := d.creation()
		other.MayRepeat = func(int) bool { return false }
		row, err := d.Create(t.Context(), other)
		if err == nil {
			t.Errorf("found %v", row)
		}
		wg.Wait()
	})
}

// TestFailedRead: a read that fails may have shown only some of the equal records, so none of
// them is given to a create.
func TestFailedRead(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		failing := &failingLists{lists: d.lists, err: errRead}
		tracker := readback.New(readback.Config{Policy: settle, Lists: failing})
		failing.tracker = tracker
		c := d.creation()
		c.Send = d.carriedOut(t, "7")
		_, err := tracker.Create(t.Context(), c)
		if e := unknown(t, err); e.Last != errLost {
			t.Errorf("%v", e.Last)
		}
		_, err = tracker.Resolve(t.Context(), c.Token, c.List)
		if e := unknown(t, err); e.Last != errRead {
			t.Errorf("%v", e.Last)
		}
		failing.err = nil
		if row, err := tracker.Resolve(t.Context(), c.Token, c.List); err != nil || row.ID() != "7" {
			t.Errorf("then it is %v, %v", row, err)
		}
	})
}

// failingLists shows all rows, and then fails.
type failingLists struct {
	*lists
	err error
}

func (l *failingLists) Read(ctx context.Context, list readback.List, from, to time.Time, use func(match.Row)) error {
	if err := l.lists.Read(ctx, list, from, to, use); err != nil {
		return err
	}
	return l.err
}

// TestLateRecord: an equal contact that was made long after the create is another one.
func TestLateRecord(t *testing.T) {
	t.Parallel()
	for after, found := range map[time.Duration]bool{5 * time.Minute: true, 20 * time.Minute: false} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, settle, func(t *testing.T, d *desk) {
				c := d.creation()
				_, err := d.Create(t.Context(), c)
				e := unknown(t, err)
				time.Sleep(after)
				d.lists.show(t, "7")
				time.Sleep(sec)
				row, err := d.Resolve(t.Context(), e.Token, c.List)
				if found != (err == nil) || errors.Is(err, readback.ErrAbsent) {
					t.Errorf("%v, %v", row, err)
				}
			})
		})
	}
}

// TestFastClock: a token of a machine whose clock is fast, by an unknown time, is not
// absent before the time that it names.
func TestFastClock(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		c := d.creation()
		c.Token.Started = time.Now().Add(time.Hour)
		_, err := d.Resolve(t.Context(), c.Token, c.List)
		unknown(t, err)
		time.Sleep(time.Hour)
		if _, err := d.Resolve(t.Context(), c.Token, c.List); !errors.Is(err, readback.ErrAbsent) {
			t.Errorf("then it is %v", err)
		}
	})
}

// TestForeignClock: the time of a token is by the clock of its machine, even if that could be
// the one of this machine.
func TestForeignClock(t *testing.T) {
	t.Parallel()
	inBubble(t, settle, func(t *testing.T, d *desk) {
		time.Sleep(300 * ms)
		now := time.Now()
		d.Clock().Observe(now, now, now.Truncate(sec))
		c := d.creation() // of a machine that is .9 seconds fast, and has seen one response
		c.Token.Started, c.Token.Ahead = now.Add(900*ms), &[2]time.Duration{-sec, 0}
		d.lists.show(t, "7")
		if row, err := d.Resolve(t.Context(), c.Token, c.List); err != nil || row.ID() != "7" {
			t.Errorf("%v, %v", row, err)
		}
	})
}

// TestNoID: a row without an id is never the outcome of a create. If it looks like it, it may
// be what is left of its record, and the list proves nothing.
func TestNoID(t *testing.T) {
	t.Parallel()
	for text, absent := range map[string]bool{
		`{"id":null,"email":"ada@example.com","created_at":"NOW","updated_at":"NOW"}`: false,
		`{"email":"ada@example.com","created_at":"NOW","updated_at":"NOW"}`:           false,
		`{"id":null,"email":"bob@example.com","created_at":"NOW","updated_at":"NOW"}`: true,
	} {
		inBubble(t, settle, func(t *testing.T, d *desk) {
			c := d.creation()
			c.Send = func(ctx context.Context, sent int, _ func() error) readback.Answer {
				d.lists.showText(t, text)
				return lost(ctx, sent, nil)
			}
			row, err := d.Create(t.Context(), c)
			if err == nil {
				t.Errorf("%s is %v", text, row)
			}
			time.Sleep(10 * time.Second)
			if _, err := d.Resolve(t.Context(), c.Token, c.List); errors.Is(err, readback.ErrAbsent) != absent {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}

// TestRewrittenMarker: a record whose marker was rewritten may be that of the create. One
// with another marker is not.
func TestRewrittenMarker(t *testing.T) {
	t.Parallel()
	const marker = "gg-MZXW6YTBOI2DGMRRGQ3TINJWGY"
	for stored, absent := range map[string]bool{
		strings.ToLower(marker): false, marker[:12]: false, "": false, "gg-GEZDGNBVGY3TQOJQGEZDGNBVGY": true,
	} {
		inBubble(t, settle, func(t *testing.T, d *desk) {
			c := d.creation()
			c.Token = d.NewToken(match.Contact, "1", json.RawMessage(`{"email":"ada@example.com","custom9":"`+marker+`"}`))
			c.Token.MarkerField, c.Token.Marker = "custom9", marker
			d.lists.showText(t, `{"id":7,"email":"ada@example.com","custom9":"`+stored+`","created_at":"NOW","updated_at":"NOW"}`)
			row, err := d.Create(t.Context(), c)
			if err == nil {
				t.Errorf("%q is %v", stored, row)
			}
			if _, err := d.Resolve(t.Context(), c.Token, c.List); errors.Is(err, readback.ErrAbsent) != absent {
				t.Errorf("%q: %v", stored, err)
			}
		})
	}
}
