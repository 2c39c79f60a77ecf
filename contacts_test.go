package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

func TestPhones(t *testing.T) {
	t.Parallel()
	c := growthgenius.Contact{FirstPhone: " 1 ", WorkPhone: "nan", CorporatePhone: "2", MobilePhone: "NaN", HomePhone: "NULL", OtherPhone: "1"}
	if got := c.Phones(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
	if got := (&growthgenius.Contact{}).Phones(); got != nil {
		t.Errorf("%q", got)
	}
}

// TestInputsHaveTheFieldsOfTheirRecords: every field that can be read can be written, under
// the same name, except those that the API sets itself.
func TestInputsHaveTheFieldsOfTheirRecords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		record, input reflect.Type
		except        []string
	}{
		{reflect.TypeFor[growthgenius.Contact](), reflect.TypeFor[growthgenius.ContactInput](), []string{"ID", "CreatedAt", "UpdatedAt"}},
		{reflect.TypeFor[growthgenius.Message](), reflect.TypeFor[growthgenius.MessageInput](), []string{"ID"}},
	} {
		for f := range tt.record.Fields() {
			in, ok := tt.input.FieldByName(f.Name)
			switch {
			case slices.Contains(tt.except, f.Name):
				if ok {
					t.Errorf("%s.%s is the API's to set", tt.input, f.Name)
				}
			case !ok:
				t.Errorf("%s has no %s", tt.input, f.Name)
			case in.Tag != f.Tag:
				t.Errorf("%s.%s is tagged %s, the record's %s", tt.input, f.Name, in.Tag, f.Tag)
			}
		}
		if want := tt.record.NumField() - len(tt.except); tt.input.NumField() != want {
			t.Errorf("%s has %d fields, want %d", tt.input, tt.input.NumField(), want)
		}
	}
}

// TestInputBytes: an unset field is omitted, Null is null, and Set("") is "", for creates and
// updates.
func TestInputBytes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   growthgenius.ContactInput
		want string
	}{
		{"set", growthgenius.ContactInput{FirstName: growthgenius.Set("Steve")}, `{"contact":{"first_name":"Steve"}}`},
		{"empty text", growthgenius.ContactInput{FirstName: growthgenius.Set("")}, `{"contact":{"first_name":""}}`},
		{"null", growthgenius.ContactInput{FirstName: growthgenius.Null[string]()}, `{"contact":{"first_name":null}}`},
		{"zero number", growthgenius.ContactInput{EmailConfidence: growthgenius.Set(0)}, `{"contact":{"email_confidence":0}}`},
		{"ids", growthgenius.ContactInput{UserID: growthgenius.Set(growthgenius.ID("5")), ProspectID: growthgenius.Set(growthgenius.ID("007")), ContactAccountID: growthgenius.Set(growthgenius.ID(""))},
			`{"contact":{"contact_account_id":null,"prospect_id":"007","user_id":5}}`},
		{"nested", growthgenius.ContactInput{ContactAccount: growthgenius.Set(growthgenius.ContactAccount{ID: "1", Extra: extra{"tier": raw("2")}})}, `{"contact":{"contact_account":{"id":1,"tier":2}}}`},
		{"raw", growthgenius.ContactInput{Lists: growthgenius.Set(raw(`[1, {"a":"<"}]`)), LabelNames: growthgenius.Set(raw("null"))}, `{"contact":{"label_names":null,"lists":[1,{"a":"<"}]}}`},
		{"no escapes", growthgenius.ContactInput{Name: growthgenius.Set("<Ö & \u2028>")}, "{\"contact\":{\"name\":\"<Ö & \u2028>\"}}"},
		{"extra only", growthgenius.ContactInput{Extra: map[string]any{"custom10": nil}}, `{"contact":{"custom10":null}}`},
		{"extra beside fields", growthgenius.ContactInput{Name: growthgenius.Set("x"), Extra: map[string]any{"b": []int(nil), "a": json.Number("12345678901234567890")}},
			`{"contact":{"name":"x","a":12345678901234567890,"b":null}}`},
		{"extra as encoding/json has it", growthgenius.ContactInput{Extra: map[string]any{
			"d": time.Second, "o": struct {
				A bool   `json:"a,omitempty"`
				B string `json:",omitempty"`
				C int    `json:"c,string"`
			}{C: 5}, "raw": raw(`{"z":1}`),
		}}, `{"contact":{"d":1000000000,"o":{"c":"5"},"raw":{"z":1}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := testkit.NewAPI(t)
			answer := `{"contact":{"id":1}}`
			api.On("POST", "/contacts", 201, answer).On("PATCH", "/contacts/1", 200, answer)
			c := api.Client()
			if _, err := c.Contacts.Create(t.Context(), tt.in); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Contacts.Update(t.Context(), "1", tt.in); err != nil {
				t.Fatal(err)
			}
			for _, sent := range api.Requests {
				if sent.Body != tt.want {
					t.Errorf("%s sends %s\nwant %s", sent.Method, sent.Body, tt.want)
				}
			}
			// The input survives its own JSON, which a journal of creates needs.
			text := sameBytes(t, tt.in)
			back := testkit.Decode[growthgenius.ContactInput](t, text)
			if again := sameBytes(t, back); again != text {
				t.Errorf("%s becomes %s", text, again)
			}
			if back.FirstName != tt.in.FirstName || back.Name != tt.in.Name || back.EmailConfidence != tt.in.EmailConfidence {
				t.Errorf("%+v becomes %+v", tt.in, back)
			}
		})
	}
}

// TestExtraClash: a key of Extra must not be the name of a field.
func TestExtraClash(t *testing.T) {
	t.Parallel()
	c := testkit.Unused(t)
	for _, f := range []func() error{
		func() error { return testkit.Err(c.Contacts.Create(t.Context(), clashing)) },
		func() error { return testkit.Err(c.Contacts.Update(t.Context(), "1", clashing)) },
		func() error {
			return testkit.Err(c.Messages.Create(t.Context(), growthgenius.MessageInput{Extra: map[string]any{"sent_at": "now"}}))
		},
		func() error {
			return testkit.Err(c.Contacts.Search(t.Context(), growthgenius.SearchOptions{Extra: map[string]any{"page": 5}}))
		},
		func() error { return testkit.Err(json.Marshal(clashing)) },
	} {
		err := f()
		if !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "which is the field") {
			t.Errorf("%v", err)
		}
	}
}

var clashing = growthgenius.ContactInput{Name: growthgenius.Set("x"), Extra: map[string]any{"email": "a@b.c"}}

// TestExtraIsNotTheCallersToLose: encoding an input does not modify the caller's map.
func TestExtraIsNotTheCallersToLose(t *testing.T) {
	t.Parallel()
	in := growthgenius.ContactInput{Name: growthgenius.Set("x"), Extra: map[string]any{"a": 1}}
	testkit.JSON(t, in)
	if diff := cmp.Diff(map[string]any{"a": 1}, in.Extra); diff != "" {
		t.Error(diff)
	}
}

// TestNothingSet: a create or an update without any field is invalid.
func TestNothingSet(t *testing.T) {
	t.Parallel()
	c := testkit.Unused(t)
	for name, f := range map[string]func(context.Context) error{
		"Contacts.Create": func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{}))
		},
		"Contacts.Update": func(ctx context.Context) error {
			return testkit.Err(c.Contacts.Update(ctx, "1", growthgenius.ContactInput{Extra: map[string]any{}}))
		},
		"Messages.Create": func(ctx context.Context) error {
			return testkit.Err(c.Messages.Create(ctx, growthgenius.MessageInput{}))
		},
		"Messages.Update": func(ctx context.Context) error {
			return testkit.Err(c.Messages.Update(ctx, "1", growthgenius.MessageInput{}))
		},
	} {
		err := f(t.Context())
		if !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "use Set or Null") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEverythingIsListedWithASlowClock: a list without a To has what a server has stamped
// whose clock is ahead of that of this machine, by days or by years.
func TestEverythingIsListedWithASlowClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, 25 * time.Hour, 5 * 365 * 24 * time.Hour} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient()
			for range 3 {
				if _, err := c.Contacts.Create(t.Context(), growthgenius.ContactInput{Title: growthgenius.Set("x")}); err != nil {
					t.Fatal(err)
				}
			}
			all, err := c.Contacts.List(t.Context(), growthgenius.ListOptions{})
			if err != nil || len(all) != 3 {
				t.Errorf("%s ahead: %d contacts, %v", ahead, len(all), err)
			}
			streamed, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), growthgenius.ListOptions{From: time.Now().Add(-time.Hour)}))
			if err != nil || len(streamed) != 3 {
				t.Errorf("%s ahead: %d contacts in the stream, %v", ahead, len(streamed), err)
			}
		}, growthgeniustest.WithClockSkew(ahead))
	}
}

// TestListWithoutATo: the bound fits into 32-bit seconds as long as that leaves two years.
func TestListWithoutATo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, want := range []string{"2037-12-31T00:00:00.000Z", "2040-01-01T00:00:00.000Z"} {
			api := testkit.NewAPI(t).On(http.MethodGet, "/contacts", 200, `{"contacts":[]}`)
			if _, err := api.Client().Contacts.List(t.Context(), growthgenius.ListOptions{}); err != nil {
				t.Fatal(err)
			}
			if sent, err := url.Parse(api.Requests[0].URL); err != nil || sent.Query().Get("to") != want {
				t.Errorf("sent %s, want %s", api.Requests[0].URL, want)
			}
			time.Sleep(time.Until(time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)))
		}
	})
}
