package growthgeniustest_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func TestWrongRecord(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.srv.Inject(growthgeniustest.Fault{Effect: growthgeniustest.WrongRecord})
	invented := at(t, w.call(200, "POST", "/contacts", steve), "contact")
	equal(t, "with no other row", at(t, invented, "email"), nil)
	sameKeys(t, "invented", invented, at(t, sample(t, "contact.json"), "contact"))

	w.srv.AddMessages(growthgenius.Message{ID: "7"}, growthgenius.Message{ID: "8"})
	equal(t, "get", at(t, w.call(200, "GET", "/messages/7", ""), "message", "id"), 8.0)
	equal(t, "update", at(t, w.call(200, "PATCH", "/messages/8", hello), "message", "id"), 7.0)
	equal(t, "updated all the same", w.srv.Messages()[1].RenderedCopy, "Hey Louis")
	list := w.call(200, "GET", "/messages"+everything, "")
	equal(t, "lists stay genuine", len(at(t, list, "messages").([]any)), 2)
	company := w.call(200, "GET", "/companies/find?domain=tesla.com", "")
	equal(t, "lookups stay genuine", at(t, company, "contact", "company_name"), "Tesla")
	w.call(404, "GET", "/messages/9", "")
	w.call(200, "DELETE", "/messages/8", "")
	equal(t, "deleted", len(w.srv.Messages()), 1)

	equal(t, "effects have names",
		[]string{growthgeniustest.Respond.String(), growthgeniustest.WrongRecord.String(), growthgeniustest.Effect(99).String()},
		[]string{"Respond", "WrongRecord", "Effect(99)"})
}

func TestCloseDropsWhatIsToCome(t *testing.T) {
	t.Parallel()
	onBothNetworks(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t)
		w.srv.Inject(
			growthgeniustest.Fault{Status: 504, Commit: true, CommitDelay: time.Hour, Times: 1},
			growthgeniustest.Fault{Delay: time.Hour},
		)
		w.call(504, "POST", "/contacts", steve)
		done := make(chan error, 1)
		go func() {
			_, _, _, err := post(w)
			done <- err
		}()
		for len(w.srv.Requests()) < 2 {
			time.Sleep(time.Millisecond)
		}
		w.srv.Close()
		w.srv.Settle()
		w.srv.Close()
		if err := <-done; err == nil {
			t.Error("a delayed response was sent although the server closed")
		}
		equal(t, "late commits dropped", len(w.srv.Contacts()), len(w.srv.Ledger()))
		if _, err := w.send("GET", "/users", ""); err == nil {
			t.Error("a closed server responds")
		}
	})
}

// With many concurrent clients, each create has its own row and ledger entry.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	onBothNetworks(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t, growthgeniustest.WithListLag(time.Millisecond))
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 10 {
					if status, _, _, err := post(w); status != 200 {
						t.Errorf("%d %v", status, err)
					}
					for _, path := range []string{"/contacts" + everything, "/users"} {
						res, err := w.send("GET", path, "")
						if err != nil {
							t.Error(err)
							return
						}
						_ = res.Body.Close()
					}
					w.srv.Inject(growthgeniustest.Fault{Method: "PUT", Status: 500, Times: 1})
					_ = w.srv.Requests()
				}
			})
		}
		wg.Wait()
		ids := map[growthgenius.ID]bool{}
		for _, entry := range w.srv.Ledger() {
			ids[entry.ID] = true
		}
		equal(t, "rows", []int{len(ids), len(w.srv.Contacts())}, []int{160, 160})
	})
}

func TestClient(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	client := srv.Client(growthgenius.WithUserID("2"))
	created, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{
		Email: growthgenius.Set("a@example.com"),
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "given options win", created.UserID, growthgenius.ID("2"))
	defer func() {
		if recover() == nil {
			t.Error("an invalid option did not panic")
		}
	}()
	srv.Client(growthgenius.WithBaseURL("http://example.com"))
}

// failingTB records a call of Fatalf instead of ending the test.
type failingTB struct {
	*testing.T
	failed bool
}

func (f *failingTB) Fatalf(string, ...any) { f.failed = true }

func TestBadOption(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "a\nb", " a"} {
		tb := &failingTB{T: t}
		if srv := growthgeniustest.NewServer(tb, growthgeniustest.WithAPIKey(key)); srv != nil || !tb.failed {
			t.Errorf("a server accepted the key %q, which no client can send", key)
		}
	}
}

func TestDripIsGivenUp(t *testing.T) {
	t.Parallel()
	onBothNetworks(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t)
		w.srv.Inject(growthgeniustest.Fault{Drip: time.Hour})
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.srv.URL()+"/users", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", w.srv.APIKey())
		res, err := w.client.Do(req) // returns once the headers are there
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		w.srv.Close() // waits for the handler, which must have ended
	})
}

func TestRewriting(t *testing.T) {
	t.Parallel()
	w := newWire(t, growthgeniustest.WithRewriting(func(field, text string) string {
		if field == "title" {
			return ""
		}
		return strings.ToUpper(text)
	}))
	made := at(t, w.call(200, "POST", "/contacts", `{"contact":{"email":"a@example.com","title":"x","email_confidence":5,"city":null}}`), "contact")
	equal(t, "a text", at(t, made, "email"), "A@EXAMPLE.COM")
	equal(t, "removed", at(t, made, "title"), nil)
	equal(t, "no text", at(t, made, "email_confidence"), 5.0)
	equal(t, "null", at(t, made, "city"), nil)
	id := string(w.srv.Contacts()[0].ID)
	updated := at(t, w.call(200, "PATCH", "/contacts/"+id, `{"contact":{"city":"rome"}}`), "contact")
	equal(t, "an update", at(t, updated, "city"), "ROME")
	equal(t, "as sent", strings.Contains(w.srv.Ledger()[0].Content, "a@example.com"), true)
}

func TestMergedContact(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	c := w.srv.AddContacts(growthgenius.Contact{Email: "a@example.com"}, growthgenius.Contact{Email: "b@example.com"})
	from, into := c[0].ID, c[1].ID
	equal(t, "into itself", w.srv.MergeContacts(from, from), false)
	equal(t, "into none", w.srv.MergeContacts(from, "1"), false)
	equal(t, "merged", w.srv.MergeContacts(from, into), true)
	equal(t, "again", w.srv.MergeContacts(from, into), false)
	for _, method := range []string{"GET", "PATCH"} {
		got := at(t, w.call(200, method, "/contacts/"+string(from), `{"contact":{"city":"Rome"}}`), "contact", "email")
		equal(t, method, got, "b@example.com")
	}
	equal(t, "the id left", growthgenius.ID(numberOf(at(t, w.call(200, "GET", "/contacts/"+string(from), ""), "contact", "id"))), into)
	equal(t, "contacts", len(w.srv.Contacts()), 1)
}

func TestCanonicalIDs(t *testing.T) {
	t.Parallel()
	w := newWire(t, growthgeniustest.WithCanonicalIDs())
	id := w.srv.AddContacts(growthgenius.Contact{Email: "a@example.com"})[0].ID
	found := at(t, w.call(200, "POST", "/contacts/search", `{}`), "contacts", 0, "contact", "id").(string)
	equal(t, "by the id of a search", growthgenius.ID(numberOf(at(t, w.call(200, "GET", "/contacts/"+found, ""), "contact", "id"))), id)
}

func numberOf(v any) string { return strconv.Itoa(int(v.(float64))) }
