package readback_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// TestTokenJSON: tokens are stored for long, so their JSON must not change.
func TestTokenJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 22, 10, 0, 0, 5, time.UTC)
	for name, test := range map[string]struct {
		token readback.Token
		want  string
	}{
		"of the first call": {
			readback.Token{Version: 1, Nonce: "N", Resource: match.Contact, UserID: "7", Content: json.RawMessage(`{"email":"ada@example.com"}`), Started: at},
			`{"version":1,"nonce":"N","resource":"contact","user_id":7,"content":{"email":"ada@example.com"},"started":"2021-01-22T10:00:00.000000005Z"}`,
		},
		"with all": {
			readback.Token{
				Version: 1, Nonce: "N", Resource: match.Message, UserID: "x", Content: json.RawMessage(`{}`), Started: at, Ended: at.Add(time.Second),
				Ahead: &[2]time.Duration{-5, time.Second}, MarkerField: "custom9", Marker: "gg-1", Taken: []wire.ID{"8", "y"}, Named: true,
			},
			`{"version":1,"nonce":"N","resource":"message","user_id":"x","content":{},"started":"2021-01-22T10:00:00.000000005Z",` +
				`"ended":"2021-01-22T10:00:01.000000005Z","ahead":[-5,1000000000],"marker_field":"custom9","marker":"gg-1","taken":[8,"y"],"named":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(test.token)
			if err != nil || string(got) != test.want {
				t.Errorf("%s, %v\nwant %s", got, err, test.want)
			}
			var again readback.Token
			if err := json.Unmarshal(got, &again); err != nil || again.Check() != nil {
				t.Errorf("read again: %v, %v", err, again.Check())
			}
			if twice, err := json.Marshal(again); err != nil || string(twice) != test.want {
				t.Errorf("written again: %s, %v", twice, err)
			}
		})
	}
}

func TestTokenCheck(t *testing.T) {
	t.Parallel()
	const whole = `{"version":1,"nonce":"N","resource":"contact","user_id":7,"content":{},"started":"2021-01-22T10:00:00Z"}`
	for name, test := range map[string]struct{ old, new, want string }{
		"whole":            {"N", "M", ""},
		"without a nonce":  {`"nonce":"N",`, ``, ""},
		"another version":  {`"version":1`, `"version":2`, "a CreateToken of version 2 cannot be read, only 1"},
		"no version":       {`"version":1,`, ``, "a CreateToken of version 0 cannot be read, only 1"},
		"no resource":      {`"resource":"contact",`, ``, "this is not a valid CreateToken: something is missing"},
		"no user":          {`"user_id":7,`, ``, "this is not a valid CreateToken: something is missing"},
		"no content":       {`"content":{},`, ``, "this is not a valid CreateToken: something is missing"},
		"content of a row": {`"content":{}`, `"content":[]`, "this is not a valid CreateToken: something is missing"},
		"no time":          {`,"started":"2021-01-22T10:00:00Z"`, ``, "this is not a valid CreateToken: something is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var token readback.Token
			if err := json.Unmarshal([]byte(strings.Replace(whole, test.old, test.new, 1)), &token); err != nil {
				t.Fatal(err)
			}
			if err := token.Check(); err == nil && test.want != "" || err != nil && err.Error() != test.want {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestNewToken(t *testing.T) {
	t.Parallel()
	tracker := readback.New(readback.Config{})
	content := json.RawMessage(`{"email":"ada@example.com"}`)
	first := tracker.NewToken(match.Contact, "7", content)
	if err := first.Check(); err != nil || first.Ahead != nil || !first.Ended.IsZero() || string(first.Content) != string(content) || first.UserID != "7" {
		t.Errorf("%+v, %v", first, err)
	}
	now := time.Now()
	tracker.Clock().Observe(now, now, now.Add(time.Minute))
	second := tracker.NewToken(match.Contact, "7", content)
	if second.Nonce == first.Nonce || second.Nonce == "" {
		t.Errorf("the nonces are %q and %q", first.Nonce, second.Nonce)
	}
	if second.Ahead == nil || *second.Ahead != [2]time.Duration{time.Minute, time.Minute + time.Second} {
		t.Errorf("the server is ahead by %v", second.Ahead)
	}
}
