package match_test

import (
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

func TestRow(t *testing.T) {
	t.Parallel()
	row := rowOf(t, `{"id":7,"name":"Ada","n":1.5,"yes":true,"nothing":null,"list":[1],"created_at":"2019-08-09T07:10:41.275-04:00"}`)
	if row.ID() != "7" || rowOf(t, `{"id":"x-1"}`).ID() != "x-1" || rowOf(t, `{"id":[]}`).ID() != wire.ID("") || rowOf(t, `{}`).ID() != "" {
		t.Errorf("the ids are %q and %q", row.ID(), rowOf(t, `{"id":"x-1"}`).ID())
	}
	for field, want := range map[string]string{"id": "7", "name": "Ada", "n": "1.5", "yes": "true", "nothing": "", "list": "", "absent": ""} {
		if got := row.Text(field); got != want {
			t.Errorf("the text of %s is %q", field, got)
		}
	}
	if made := row.Time("created_at"); !made.Equal(time.Date(2019, 8, 9, 11, 10, 41, 275e6, time.UTC)) {
		t.Errorf("created_at is %s", made)
	}
	if !row.Time("name").IsZero() || !row.Time("absent").IsZero() {
		t.Error("what is not a time is not the zero time")
	}
	if _, ok := match.ParseTime("yesterday"); ok {
		t.Error(`"yesterday" is a time`)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"full_name":" Ada  BYRON ","first_name":"x"}`: "ada byron",
		`{"first_name":"Ada","last_name":"Byron-King"}`: "ada byron-king",
		`{"first_name":"Ada"}`:                          "ada",
		`{"full_name":"","last_name":"Byron"}`:          "byron",
		`{"email":"ada@example.com"}`:                   "",
	} {
		if got := match.FullName(rowOf(t, text)); got != want {
			t.Errorf("%s is called %q", text, got)
		}
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ resource, row, want string }{
		{"contact", `{"email":" Ada.B+news@Bücher.DE. "}`, "adab"},
		{"contact", `{"email":"n/a"}`, "na"},
		{"contact", `{"contact_id":7}`, ""},
		{"message", `{"contact_id":7,"email":"ada@example.com"}`, "7"},
	} {
		if got := match.Mark(test.resource, rowOf(t, test.row)); got != test.want {
			t.Errorf("the mark of %s is %q, want %q", test.row, got, test.want)
		}
	}
}

func TestASCIIDomain(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]string{
		"Bücher.de": "xn--bcher-kva.de", "tesla.com.": "tesla.com", "a b": "a b", "": "",
	} {
		if got := match.ASCIIDomain(domain); got != want {
			t.Errorf("%q is %q, want %q", domain, got, want)
		}
	}
}
