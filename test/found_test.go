package test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestFoundSoon: of 64 creates at a time, one in ten responses is lost, and the list shows
// the records at once. They are found soon, at every phase of the server's second.
func TestFoundSoon(t *testing.T) {
	t.Parallel()
	const creates, each = 64, 10
	for _, resource := range resourceNames {
		for _, phase := range []int{0, 200, 400, 600, 800} { // milliseconds
			t.Run(fmt.Sprintf("%s, %d ms", resource, phase), func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					time.Sleep(time.Duration(phase) * time.Millisecond)
					for i := range creates / each {
						srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Skip: (i + 1) * (each - 1), Times: 1})
					}
					c := srv.NewClient()
					var (
						wg   sync.WaitGroup
						mu   sync.Mutex
						took []time.Duration
					)
					for i := range creates {
						wg.Go(func() {
							begun := time.Now()
							o := createNamed(t, c, resource, fmt.Sprintf("ada%d@example.com", i))
							if o.Err != nil {
								t.Error(o.Err)
							}
							mu.Lock()
							defer mu.Unlock()
							if d := time.Since(begun); d > 100*time.Millisecond { // its response was lost
								took = append(took, d)
							}
						})
					}
					wg.Wait()
					slices.Sort(took)
					t.Logf("%d lost, found after %v", len(took), took)
					if n := len(srv.Ledger()); n != creates {
						t.Errorf("%d records", n)
					}
					if len(took) == 0 {
						return // the responses to the others show the clock of the records
					}
					if median, worst := took[len(took)/2], took[len(took)-1]; len(took) > 2 && median > 1500*time.Millisecond || worst > 3*time.Second {
						t.Errorf("found after %s, the last after %s", median, worst)
					}
				})
			})
		}
	}
}

// TestResolveOfAnOldToken: when the settle window has passed long ago, the first list that is
// whole decides, for the token of BeforeCreate and that of an error.
func TestResolveOfAnOldToken(t *testing.T) {
	t.Parallel()
	for _, resource := range resourceNames {
		for _, age := range []time.Duration{70 * time.Second, 24 * time.Hour} {
			for _, warmed := range []bool{true, false} {
				for _, created := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, %s, warm %t, created %t", resource, age, warmed, created), func(t *testing.T) {
						t.Parallel()
						testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
							c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
							if warmed {
								if o := createNamed(t, c, resource, "bob@example.com"); o.Err != nil {
									t.Fatal(o.Err)
								}
							}
							srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: created})
							var journal []byte
							keep := testkit.KeepToken(t, &journal)
							var err error
							if resource == "contact" {
								_, err = c.Contacts.Create(t.Context(), testkit.Steve, keep)
							} else {
								_, err = c.Messages.Create(t.Context(), testkit.Louis, keep)
							}
							unknown := testkit.Unknown(t, err).Token
							time.Sleep(age)
							for name, token := range map[string]growthgenius.CreateToken{
								"journal": testkit.ReadToken(t, journal), "error": testkit.ThroughJSON(t, unknown),
							} {
								begun := time.Now()
								o := testkit.Resolve(t, srv.NewClient(), resource, token)
								if took := time.Since(begun); took > time.Second {
									t.Errorf("%s: after %s", name, took)
								}
								if created && o.Err != nil || !created && !errors.Is(o.Err, growthgenius.ErrNotFound) {
									t.Errorf("%s: %+v", name, o)
								}
							}
						})
					})
				}
			}
		}
	}
}

// TestTokenSaysWhenItLeft: a create that waits for the limiter is handed over when its request
// leaves. If the process ends then, another one finds the record.
func TestTokenSaysWhenItLeft(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLimiter(rate.NewLimiter(rate.Every(11*time.Minute), 1)),
			growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
		if _, err := c.Users.List(t.Context()); err != nil { // uses up the burst
			t.Fatal(err)
		}
		begun := time.Now()
		var journal []byte
		var handedOver time.Duration
		srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true})
		_, err := c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.BeforeCreate(func(token growthgenius.CreateToken) error {
			handedOver = time.Since(begun)
			data, err := token.MarshalJSON()
			journal = data
			return err
		}))
		testkit.Unknown(t, err)
		if handedOver < 10*time.Minute {
			t.Errorf("handed over after %s", handedOver)
		}
		o := testkit.Resolve(t, srv.NewClient(), "contact", testkit.ReadToken(t, journal))
		if o.Err != nil || o.ID != srv.Ledger()[0].ID {
			t.Errorf("%+v", o)
		}
	})
}

// TestMarkedWithoutDate: a marked create is found by its marker alone.
func TestMarkedWithoutDate(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, time.Minute, -time.Minute, -time.Hour, -9 * time.Hour, 26 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true})
				c := srv.NewClient(growthgenius.WithMarkerField("custom9"))
				for i := range 20 {
					if o := createNamed(t, c, "contact", "ada@example.com"); o.Err != nil || o.ID != srv.Ledger()[i].ID {
						t.Errorf("%+v", o)
					}
				}
			}, growthgeniustest.WithNoDate(), growthgeniustest.WithClockSkew(skew))
		})
	}
}
