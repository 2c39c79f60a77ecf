package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestInputBytes: unset is left out, Null is null, Set("") is "", on create and update.
func TestInputBytes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   ContactInput
		want string
	}{
		{"set", ContactInput{FirstName: Set("Steve")}, `{"contact":{"first_name":"Steve"}}`},
		{"empty text", ContactInput{FirstName: Set("")}, `{"contact":{"first_name":""}}`},
		{"null", ContactInput{FirstName: Null[string]()}, `{"contact":{"first_name":null}}`},
		{"zero number", ContactInput{EmailConfidence: Set(0)}, `{"contact":{"email_confidence":0}}`},
		{"ids", ContactInput{UserID: Set(ID("5")), ProspectID: Set(ID("007")), ContactAccountID: Set(ID(""))},
			`{"contact":{"contact_account_id":null,"prospect_id":"007","user_id":5}}`},
		{"nested", ContactInput{ContactAccount: Set(ContactAccount{ID: "1", Extra: extra{"tier": raw("2")}})}, `{"contact":{"contact_account":{"id":1,"tier":2}}}`},
		{"raw", ContactInput{Lists: Set(raw(`[1, {"a":"<"}]`)), LabelNames: Set(raw("null"))}, `{"contact":{"label_names":null,"lists":[1,{"a":"<"}]}}`},
		{"no escapes", ContactInput{Name: Set("<Ö & \u2028>")}, "{\"contact\":{\"name\":\"<Ö & \u2028>\"}}"},
		{"extra only", ContactInput{Extra: map[string]any{"custom10": nil}}, `{"contact":{"custom10":null}}`},
		{"extra beside fields", ContactInput{Name: Set("x"), Extra: map[string]any{"b": []int(nil), "a": json.Number("12345678901234567890")}},
			`{"contact":{"name":"x","a":12345678901234567890,"b":null}}`},
		{"extra as encoding/json has it", ContactInput{Extra: map[string]any{
			"d": time.Second, "o": struct {
				A bool   `json:"a,omitempty"`
				B string `json:",omitempty"`
				C int    `json:"c,string"`
			}{C: 5}, "raw": raw(`{"z":1}`),
		}}, `{"contact":{"d":1000000000,"o":{"c":"5"},"raw":{"z":1}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := newMockAPI(t)
			answer := `{"contact":{"id":1}}`
			api.on("POST", "/contacts", 201, answer).on("PATCH", "/contacts/1", 200, answer)
			c := api.client()
			if _, err := c.Contacts.Create(t.Context(), tt.in); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Contacts.Update(t.Context(), "1", tt.in); err != nil {
				t.Fatal(err)
			}
			for _, sent := range api.requests {
				if sent.Body != tt.want {
					t.Errorf("%s sends %s\nwant %s", sent.Method, sent.Body, tt.want)
				}
			}
			// The input survives its own JSON, as a journal of creates needs.
			text := sameBytes(t, tt.in)
			back := mustDecode[ContactInput](t, text)
			if again := sameBytes(t, back); again != text {
				t.Errorf("%s becomes %s", text, again)
			}
			if back.FirstName != tt.in.FirstName || back.Name != tt.in.Name || back.EmailConfidence != tt.in.EmailConfidence {
				t.Errorf("%+v becomes %+v", tt.in, back)
			}
		})
	}
}

// TestExtraClash: two values for one field are one too many.
func TestExtraClash(t *testing.T) {
	t.Parallel()
	c := unused(t)
	for _, f := range []func() error{
		func() error { return second(c.Contacts.Create(t.Context(), clashing)) },
		func() error { return second(c.Contacts.Update(t.Context(), "1", clashing)) },
		func() error {
			return second(c.Messages.Create(t.Context(), MessageInput{Extra: map[string]any{"sent_at": "now"}}))
		},
		func() error {
			return second(c.Contacts.Search(t.Context(), SearchOptions{Extra: map[string]any{"page": 5}}))
		},
		func() error { return second(json.Marshal(clashing)) },
	} {
		err := f()
		if !errors.Is(err, ErrInvalidInput) || !strings.Contains(err.Error(), "which is the field") {
			t.Errorf("%v", err)
		}
	}
}

var clashing = ContactInput{Name: Set("x"), Extra: map[string]any{"email": "a@b.c"}}

func second[T any](_ T, err error) error { return err }

// TestExtraIsNotTheCallersToLose: encoding an input leaves the caller's map alone.
func TestExtraIsNotTheCallersToLose(t *testing.T) {
	t.Parallel()
	in := ContactInput{Name: Set("x"), Extra: map[string]any{"a": 1}}
	mustJSON(t, in)
	if diff := cmp.Diff(map[string]any{"a": 1}, in.Extra); diff != "" {
		t.Error(diff)
	}
}

func TestOptional(t *testing.T) {
	t.Parallel()
	var unset Optional[string]
	for _, tt := range []struct {
		o            Optional[string]
		value        string
		ok, null, no bool
	}{
		{unset, "", false, false, true},
		{Null[string](), "", false, true, false},
		{Set(""), "", true, false, false},
		{Set("x"), "x", true, false, false},
	} {
		value, ok := tt.o.Get()
		if value != tt.value || ok != tt.ok || tt.o.IsNull() != tt.null || tt.o.IsZero() != tt.no {
			t.Errorf("%+v: %q %v %v %v", tt.o, value, ok, tt.o.IsNull(), tt.o.IsZero())
		}
	}
	var n Optional[int]
	if err := json.Unmarshal([]byte(`"x"`), &n); err == nil || !n.IsZero() {
		t.Errorf("%v %v", err, n)
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	for id, want := range map[ID]string{
		"": "null", "0": "0", "5": "5", "9223372036854775807": "9223372036854775807", "9223372036854775808": `"9223372036854775808"`,
		"007": `"007"`, "-5": `"-5"`, "+5": `"+5"`, "5.0": `"5.0"`, " 5": `" 5"`, "1e3": `"1e3"`, "٥": `"٥"`, "a\"b": `"a\"b"`,
	} {
		if got := mustJSON(t, id); got != want {
			t.Errorf("%q is written %s, want %s", id, got, want)
		}
		if back := mustDecode[ID](t, want); back != id {
			t.Errorf("%s is read %q", want, back)
		}
		n, err := id.Int64()
		if numeric := want[0] >= '0' && want[0] <= '9'; numeric != (err == nil) || (numeric && IntID(n) != id) {
			t.Errorf("%q.Int64() = %d, %v", id, n, err)
		}
	}
	for _, bad := range []string{"true", "{}", "[1]"} {
		var id ID
		if err := json.Unmarshal([]byte(bad), &id); err == nil {
			t.Errorf("%s is read %q", bad, id)
		}
	}
}

// TestNothingSet: a create or an update without a field is a mistake.
func TestNothingSet(t *testing.T) {
	t.Parallel()
	c := unused(t)
	for name, f := range map[string]func(context.Context) error{
		"Contacts.Create": func(ctx context.Context) error { return second(c.Contacts.Create(ctx, ContactInput{})) },
		"Contacts.Update": func(ctx context.Context) error {
			return second(c.Contacts.Update(ctx, "1", ContactInput{Extra: map[string]any{}}))
		},
		"Messages.Create": func(ctx context.Context) error { return second(c.Messages.Create(ctx, MessageInput{})) },
		"Messages.Update": func(ctx context.Context) error { return second(c.Messages.Update(ctx, "1", MessageInput{})) },
	} {
		err := f(t.Context())
		if !errors.Is(err, ErrInvalidInput) || !strings.Contains(err.Error(), "use Set or Null") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
