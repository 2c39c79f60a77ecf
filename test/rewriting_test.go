package test

import (
	"encoding/json"
	"errors"
	"html"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// servers that rewrite texts. exact means that what they store is still the same text.
var rewritingServers = map[string]struct {
	rewrite func(field, text string) string
	exact   bool
}{
	"escapes":       {func(_, text string) string { return html.EscapeString(text) }, true},
	"composes":      {func(_, text string) string { return norm.NFC.String(text) }, true},
	"decomposes":    {func(_, text string) string { return norm.NFD.String(text) }, true},
	"folds":         {func(_, text string) string { return strings.ToUpper(text) }, true},
	"writes spaces": {func(_, text string) string { return strings.ReplaceAll(text, " ", "\u00a0") }, true},
	"punycode": {func(field, text string) string {
		local, domain, _ := strings.Cut(text, "@")
		if ascii, err := idna.ToASCII(domain); field == "email" && err == nil {
			return local + "@" + ascii
		}
		return text
	}, true},
	"drops tags": {func(field, text string) string {
		local, domain, _ := strings.Cut(text, "@")
		if tagless, _, ok := strings.Cut(local, "+"); ok && field == "email" {
			return tagless + "@" + domain
		}
		return text
	}, false},
	"sanitizes": {func(_, text string) string { return strings.NewReplacer("'", "", "<b>", "", "</b>", "").Replace(text) }, false},
	"refuses addresses": {func(field, text string) string {
		if field == "email" {
			return ""
		}
		return text
	}, false},
	"rounds times": {func(field, text string) string {
		if at, err := time.Parse(time.RFC3339Nano, text); field == "sent_at" && err == nil {
			return at.In(time.FixedZone("", 3600)).Truncate(time.Second).Format(time.RFC3339)
		}
		return text
	}, false},
	"sends": {func(_, text string) string {
		return strings.NewReplacer("https://acme.example/offer", "https://click.example/c/7f", "{{first_name}}", "Louis").Replace(text)
	}, false},
	"cuts short": {func(field, text string) string {
		if most := map[string]int{"full_name": 10, "rendered_copy": 6}[field]; most > 0 {
			return string([]rune(text)[:min(most, len([]rune(text)))])
		}
		return text
	}, false},
	"cuts": {func(_, text string) string { return string([]rune(text)[:min(30, len([]rune(text)))]) }, false},
}

// written are records that those servers rewrite: a contact, or a message.
func written() map[string]any {
	name, email := growthgenius.Set("Pat O'Brien-Müller"), growthgenius.Set("pat.o'brien+news@bücher.example")
	return map[string]any{
		"a contact":                    growthgenius.ContactInput{FullName: name, Email: email},
		"a contact without an address": growthgenius.ContactInput{FullName: name, MobilePhone: growthgenius.Set("+49 151 1234567")},
		"an address alone":             growthgenius.ContactInput{Email: email},
		"a name alone":                 growthgenius.ContactInput{FullName: growthgenius.Set("Alexandra Papadopoulos")},
		"a template": growthgenius.MessageInput{
			ContactID: testkit.Louis.ContactID, RenderedCopy: growthgenius.Set("Hey {{first_name}}, see https://acme.example/offer until Friday"),
		},
		"a message": growthgenius.MessageInput{
			ContactID: testkit.Louis.ContactID, SentAt: growthgenius.Set(time.Date(2019, 8, 9, 11, 10, 41, 275e6, time.UTC)),
			RenderedCopy: growthgenius.Set("<b>Q&A</b> at 5 o'clock, Müller's  place, and don't be late"),
		},
	}
}

// createRecord creates a contact or a message, and returns the token as well.
func createRecord(t *testing.T, c *growthgenius.Client, in any) (o testkit.Outcome, token growthgenius.CreateToken) {
	t.Helper()
	keep := growthgenius.BeforeCreate(func(given growthgenius.CreateToken) error { token = given; return nil })
	switch in := in.(type) {
	case growthgenius.ContactInput:
		contact, err := c.Contacts.Create(t.Context(), in, keep)
		if o.Err = err; err == nil {
			o.ID = contact.ID
		}
	case growthgenius.MessageInput:
		message, err := c.Messages.Create(t.Context(), in, keep)
		if o.Err = err; err == nil {
			o.ID = message.ID
		}
	}
	return o, token
}

func resourceOf(in any) string {
	if _, ok := in.(growthgenius.MessageInput); ok {
		return "message"
	}
	return "contact"
}

// TestRewritingServers: a create that is answered succeeds, however its record was rewritten.
// One whose response is lost is found or unknown, but never absent and never sent again: in
// this process, and by its token in another.
func TestRewritingServers(t *testing.T) {
	t.Parallel()
	for server, tt := range rewritingServers {
		for name, in := range written() {
			t.Run(server+", "+name, func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: 5 * time.Second}))
					answered, _ := createRecord(t, c, in)
					nothing := server == "refuses addresses" && name == "an address alone"
					if answered.Err != nil && !nothing {
						t.Errorf("answered: %v", answered.Err)
					}
					time.Sleep(time.Minute)
					before := len(srv.Ledger())
					srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
					o, token := createRecord(t, srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: 5 * time.Second})), in)
					if n := len(srv.Ledger()) - before; n != 1 {
						t.Fatalf("%d records", n)
					}
					id := srv.Ledger()[before].ID
					if o.Err == nil && o.ID != id || o.Err != nil && tt.exact {
						t.Errorf("lost: %+v, want %s", o, id)
					} else if o.Err != nil {
						testkit.Unknown(t, o.Err)
					}
					stored, err := json.Marshal(token)
					if err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal(stored, &token); err != nil {
						t.Fatal(err)
					}
					o = testkit.Resolve(t, srv.NewClient(), resourceOf(in), token)
					if errors.Is(o.Err, growthgenius.ErrNotFound) || o.Err == nil && o.ID != id {
						t.Errorf("in another process: %+v, want %s", o, id)
					}
				}, growthgeniustest.WithRewriting(tt.rewrite))
			})
		}
	}
}

// TestStrangersSettle: records that no server makes of what was sent do not keep a create
// that never happened unknown.
func TestStrangersSettle(t *testing.T) {
	t.Parallel()
	contact := func(email string) growthgenius.ContactInput {
		return growthgenius.ContactInput{Email: growthgenius.Set(email), FirstName: growthgenius.Set("Ada")}
	}
	message := func(text string) growthgenius.MessageInput {
		return growthgenius.MessageInput{
			ContactID: testkit.Louis.ContactID, RenderedCopy: growthgenius.Set(text),
			SentAt: growthgenius.Set(time.Date(2019, 8, 9, 11, 10, 41, 0, time.UTC)),
		}
	}
	for name, pair := range map[string][2]any{
		"another tag":              {contact("support+acme@example.com"), contact("support+beta@example.com")},
		"a tag more":               {contact("support@example.com"), contact("support+beta@example.com")},
		"dots":                     {contact("john.doe@example.com"), contact("johndoe@example.com")},
		"no dots":                  {contact("johndoe@example.com"), contact("john.doe@example.com")},
		"another domain":           {contact("ada@müller.example"), contact("ada@möller.example")},
		"another text":             {message("Hello Ada, how are you?"), message("Good morning")},
		"another template":         {message("Hi {{first_name}}, are you free?"), message("Hi Louis, see you on Monday")},
		"another link":             {message("See https://acme.example/a"), message("Read https://acme.example/b")},
		"a shorter text":           {message("Hi Louis"), message("Hi")},
		"a first name":             {growthgenius.ContactInput{FullName: growthgenius.Set("Ada Byron")}, growthgenius.ContactInput{FullName: growthgenius.Set("Ada")}},
		"another number":           {message("call 1"), message("call 12")},
		"another name":             {growthgenius.ContactInput{FullName: growthgenius.Set("Ada Byron")}, growthgenius.ContactInput{FullName: growthgenius.Set("Ada Bell")}},
		"another telephone":        {growthgenius.ContactInput{FullName: growthgenius.Set("Ada Byron"), WorkPhone: growthgenius.Set("0221 1234567")}, growthgenius.ContactInput{FullName: growthgenius.Set("Ada Byron"), WorkPhone: growthgenius.Set("0221 7654321")}},
		"the page of someone else": {growthgenius.ContactInput{FullName: growthgenius.Set("Ada Byron"), LinkedInURL: growthgenius.Set("linkedin.com/in/ada")}, growthgenius.ContactInput{FullName: growthgenius.Set("Ada Byron"), LinkedInURL: growthgenius.Set("linkedin.com/in/ada-2")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				if o, _ := createRecord(t, srv.NewClient(), pair[1]); o.Err != nil {
					t.Fatal(o.Err)
				}
				srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1})
				o, token := createRecord(t, srv.NewClient(), pair[0])
				testkit.Unknown(t, o.Err)
				if o, _ := createRecord(t, srv.NewClient(), pair[1]); o.Err != nil {
					t.Fatal(o.Err)
				}
				if o = testkit.Resolve(t, srv.NewClient(), resourceOf(pair[0]), token); !errors.Is(o.Err, growthgenius.ErrNotFound) {
					t.Errorf("%+v", o)
				}
			})
		})
	}
}
