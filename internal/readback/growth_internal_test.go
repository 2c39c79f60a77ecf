package readback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// shop is an API that makes records and loses all responses.
type shop struct {
	tracker *Tracker
	mu      sync.Mutex // guards rows
	rows    []match.Row
}

func (s *shop) Read(_ context.Context, _ List, _, _ time.Time, use func(match.Row)) error {
	s.tracker.clock.Observe(time.Now(), time.Now(), time.Now().Truncate(time.Second))
	s.mu.Lock()
	rows := slices.Clone(s.rows)
	s.mu.Unlock()
	for _, row := range rows {
		use(row)
	}
	return nil
}

// lose creates a record, and loses the response.
func (s *shop) lose(content string) error {
	token := s.tracker.NewToken(match.Contact, "1", json.RawMessage(content))
	_, err := s.tracker.Create(context.Background(), Creation{
		Token: token,
		Send: func(_ context.Context, _ int, leave func() error) Answer {
			if err := leave(); err != nil {
				return Answer{Err: err}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			var row match.Row
			now := time.Now().UTC().Format(time.RFC3339Nano)
			err := wire.Unmarshal(fmt.Appendf(nil, `{"id":%d,"created_at":%q,"updated_at":%q,%s`, len(s.rows)+1, now, now, content[1:]), &row)
			if err != nil {
				return Answer{Err: err}
			}
			s.rows = append(s.rows, row)
			return Answer{Err: errors.New("lost"), Ambiguous: true, Sent: 1}
		},
	})
	return err
}

// TestCostOfLostCreates: the number of comparisons that a create costs does not depend on how
// many others are lost at the same time, with an e-mail address and without one, also if creates
// of before are still of unknown outcome.
func TestCostOfLostCreates(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"addresses": `{"email":"ada%d@example.com","full_name":"Ada Byron"}`,
		"names":     `{"first_name":"Ada","last_name":"Byron %d","company_name":"Example"}`,
		"numbers":   `{"mobile_phone":"+49 151 555%05d"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{10, 100, 400} {
				synctest.Test(t, func(t *testing.T) {
					s := &shop{}
					s.tracker = New(Config{Policy: Policy{Settle: 10 * time.Second}, AttemptTimeout: time.Second, Lists: s})
					for i := range n {
						p, err := s.tracker.begin(tokenOf(i), List{})
						if err != nil {
							t.Fatal(err)
						}
						s.tracker.park(p, nil)
					}
					var all sync.WaitGroup
					for i := range n {
						all.Go(func() {
							if err := s.lose(fmt.Sprintf(form, i)); err != nil {
								t.Errorf("create %d of %d: %v", i, n, err)
							}
						})
					}
					all.Wait()
					if each, most := s.tracker.compared.Load()/int64(n), int64(60); each > most {
						t.Errorf("each of %d creates took %d comparisons, more than %d", n, each, most)
					}
				})
			}
		})
	}
}

// TestIndexedSightings: what a read of a list shows of each create is the same as if each row
// was compared with each create.
func TestIndexedSightings(t *testing.T) {
	t.Parallel()
	texts := map[string][]string{
		"email":        {"ada@example.com", "Ada@Example.com", "ada+x@example.com", "jörg@example.com", "j?rg@example.com", "ж@example.com"},
		"full_name":    {"Ada Byron", "Byron, Ada", "Ada", "Ada King Byron", "Alexandra Papadopoulos", "Alexandra P", "José", "Jose"},
		"mobile_phone": {"+49 151 1234567", "0151 1234567", "7654321"},
		"linkedin_url": {"linkedin.com/in/ada", "in/ada", "in/bob"},
		"company_name": {"Example", "Other"},
		"custom9":      {"gg-1", "gg-2", "gg"},
	}
	draw := func(rt *rapid.T, label string) match.Row {
		row := match.Row{}
		for _, field := range slices.Sorted(maps.Keys(texts)) {
			if rapid.IntRange(0, 2).Draw(rt, label+" "+field+"?") == 0 {
				row[field], _ = json.Marshal(rapid.SampledFrom(texts[field]).Draw(rt, label+" "+field))
			}
		}
		return row
	}
	checks, spared := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		if checks > 300 {
			return
		}
		tracker := New(Config{AttemptTimeout: time.Second})
		now := time.Now()
		tracker.clock.Observe(now, now, now.Truncate(time.Second))
		var targets []target
		for i := range rapid.IntRange(1, 6).Draw(rt, "creates") {
			content := draw(rt, "sent")
			raw, _ := json.Marshal(content)
			token := tracker.NewToken(match.Contact, "1", raw)
			if rapid.IntRange(0, 2).Draw(rt, "marker?") == 0 {
				token.MarkerField, token.Marker = "custom9", fmt.Sprint("gg-", i%2+1)
			}
			p, err := newPending(token, List{})
			if err != nil {
				rt.Fatal(err)
			}
			p.ended = now
			targets = append(targets, p.target)
		}
		var rows []match.Row
		for i := range rapid.IntRange(1, 6).Draw(rt, "rows") {
			row := draw(rt, "row")
			if rapid.IntRange(0, 9).Draw(rt, "id?") > 0 {
				row["id"] = fmt.Appendf(nil, "%d", i+1)
			}
			row["created_at"], _ = json.Marshal(now.Add(time.Duration(rapid.IntRange(-600, 900).Draw(rt, "age")) * time.Second))
			rows = append(rows, row)
		}
		indexed := &reading{targets: targets, candidates: candidatesFor(match.Contact, targets), complete: true, proven: true, began: now, ended: now}
		exhaustive := &reading{targets: targets, candidates: indexed.candidates, complete: true, proven: true, began: now, ended: now}
		all := make([]int, len(targets))
		for i := range all {
			all[i] = i
		}
		for _, row := range rows {
			some := indexed.candidates.of(row)
			spared += len(all) - len(some)
			if rapid.IntRange(0, 4).Draw(rt, "older?") == 0 {
				indexed.older, exhaustive.older = append(indexed.older, shown{row, some}), append(exhaustive.older, shown{row, all})
				continue
			}
			indexed.rows = append(indexed.rows, shown{row, some})
			exhaustive.rows = append(exhaustive.rows, shown{row, all})
		}
		want := tracker.weigh(exhaustive)
		for i, got := range tracker.weigh(indexed) {
			if fmt.Sprint(*got) != fmt.Sprint(*want[i]) {
				rt.Errorf("of %s, the index shows\n%v, and comparing with all\n%v", targets[i].token.Content, *got, *want[i])
			}
		}
	})
	if spared == 0 && checks > 100 {
		t.Error("the index spared no comparison")
	}
}

// TestRowOfAnotherCreate: a record is not given to a create if it may as well be that of another
// one, with more fields. It is once that one is settled.
func TestRowOfAnotherCreate(t *testing.T) {
	t.Parallel()
	tracker := New(Config{})
	begin := func(nonce, content string) *pending {
		token := tokenOf(0)
		token.Nonce, token.Content = nonce, json.RawMessage(content)
		p, err := newPending(token, List{})
		if err != nil {
			t.Fatal(err)
		}
		tracker.add(p)
		return p
	}
	row := match.Row{"id": []byte("7"), "full_name": []byte(`"Ada Byron"`), "company_name": []byte(`"Example"`)}
	p := begin("1", `{"full_name":"Ada Byron"}`)
	other := begin("2", `{"full_name":"Ada Byron","company_name":"Example"}`)
	begin("3", `{"full_name":"Bob"}`)
	for range 2 { // before and after it is indexed
		if !tracker.alsoOf(p, row, time.Now()) {
			t.Error("the record may be that of the other create")
		}
	}
	tracker.remove(other)
	begin("4", `{"full_name":"Alan"}`)
	if tracker.alsoOf(p, row, time.Now()) {
		t.Error("no other create may have made the record")
	}
}
