package growthgenius_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

func TestID(t *testing.T) {
	t.Parallel()
	for id, want := range map[growthgenius.ID]string{
		"": "null", "0": "0", "5": "5", "9223372036854775807": "9223372036854775807", "9223372036854775808": `"9223372036854775808"`,
		"007": `"007"`, "-5": `"-5"`, "+5": `"+5"`, "5.0": `"5.0"`, " 5": `" 5"`, "1e3": `"1e3"`, "٥": `"٥"`, "a\"b": `"a\"b"`,
	} {
		if got := testkit.JSON(t, id); got != want {
			t.Errorf("%q is written %s, want %s", id, got, want)
		}
		if back := testkit.Decode[growthgenius.ID](t, want); back != id {
			t.Errorf("%s is read %q", want, back)
		}
		n, err := id.Int64()
		if numeric := want[0] >= '0' && want[0] <= '9'; numeric != (err == nil) || (numeric && growthgenius.IntID(n) != id) {
			t.Errorf("%q.Int64() = %d, %v", id, n, err)
		}
	}
	for _, bad := range []string{"true", "{}", "[1]"} {
		var id growthgenius.ID
		if err := json.Unmarshal([]byte(bad), &id); err == nil {
			t.Errorf("%s is read %q", bad, id)
		}
	}
}

// FuzzID: an id survives its JSON, and an id that was decoded is encoded as it was.
func FuzzID(f *testing.F) {
	for _, id := range []string{"", "0", "5", "007", "-1", "9223372036854775808", "d54c54ad-40be-4305-8a34-0ab44710b90d", `a"\b`, "\u2028", "1e3", "\xff", "a/b?c#d"} {
		f.Add(id)
	}
	segment := ""
	c := testkit.Fuzzed(f, testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
		segment, _ = strings.CutPrefix(r.URL.EscapedPath(), "/integrations/v1/contacts/")
		return testkit.Reply(204, ""), nil
	}))
	f.Fuzz(func(t *testing.T, text string) {
		id := growthgenius.ID(text)
		if !utf8.ValidString(text) {
			return // JSON cannot carry it
		}
		if back := testkit.Decode[growthgenius.ID](t, sameBytes(t, id)); back != id {
			t.Fatalf("%q becomes %q", id, back)
		}
		if n, err := id.Int64(); err == nil && growthgenius.IntID(n) != id {
			t.Fatalf("%q is %d", id, n)
		}
		var read growthgenius.ID
		if err := read.UnmarshalJSON([]byte(text)); err == nil && json.Valid([]byte(text)) {
			if back := testkit.Decode[growthgenius.ID](t, testkit.JSON(t, read)); back != read {
				t.Fatalf("%q is read %q and becomes %q", text, read, back)
			}
		}
		segment = ""
		if err := c.Contacts.Delete(t.Context(), id); err == nil && (segment == "" || strings.ContainsAny(segment, "/?#\\ \r\n")) {
			t.Fatalf("%q is the segment %q", id, segment)
		}
	})
}
