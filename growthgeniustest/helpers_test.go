package growthgeniustest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// wire talks to a server without the SDK.
type wire struct {
	t      *testing.T
	srv    *growthgeniustest.Server
	client *http.Client
}

func newWire(t *testing.T, opts ...growthgeniustest.ServerOption) *wire {
	t.Helper()
	srv := growthgeniustest.NewServer(t, opts...)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &wire{t, srv, &http.Client{Transport: transport}}
}

type wireMaker func(t *testing.T, opts ...growthgeniustest.ServerOption) *wire

// inBubble runs a test with a server in memory in a bubble, in which time is fake.
func inBubble(t *testing.T, test func(t *testing.T, newWire wireMaker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, func(t *testing.T, opts ...growthgeniustest.ServerOption) *wire {
			t.Helper()
			w := newWire(t, append(opts, growthgeniustest.WithInMemoryNetwork())...)
			w.client.Transport = w.srv.Transport()
			return w
		})
	})
}

// onBothNetworks runs a test with a server on loopback, and again in a bubble.
func onBothNetworks(t *testing.T, test func(t *testing.T, newWire wireMaker)) {
	t.Helper()
	t.Run("loopback", func(t *testing.T) {
		t.Parallel()
		test(t, newWire)
	})
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		inBubble(t, test)
	})
}

// send sends a request as in the API reference of 2021-01-22, with the API key and as
// user 1.
func (w *wire) send(method, path, body string) (*http.Response, error) {
	w.t.Helper()
	if !strings.Contains(path, "user_id=") && !strings.HasPrefix(path, "/users") {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "user_id=1"
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.srv.URL()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", w.srv.APIKey())
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return w.client.Do(req)
}

// call sends a request and decodes the JSON of its response, which must have the status.
func (w *wire) call(status int, method, path, body string) map[string]any {
	w.t.Helper()
	res, err := w.send(method, path, body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.StatusCode != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", method, path, res.StatusCode, status, text)
	}
	if len(text) == 0 {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		w.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return v
}

// at returns the value in decoded JSON at a path of keys and indexes.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch key := step.(type) {
		case string:
			object, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v of %v: not an object but %v", key, path, v)
			}
			if v, ok = object[key]; !ok {
				t.Fatalf("%v of %v: missing in %v", key, path, object)
			}
		case int:
			list, ok := v.([]any)
			if !ok || key >= len(list) {
				t.Fatalf("%v of %v: no such item in %v", key, path, v)
			}
			v = list[key]
		}
	}
	return v
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v (%T), want %v (%T)", what, got, got, want, want)
	}
}

// sample reads a documented sample.
func sample(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// sameKeys checks that a response has exactly the fields of a sample.
func sameKeys(t *testing.T, what string, got, want any) {
	t.Helper()
	equal(t, what+": fields", keys(got), keys(want))
}

func keys(v any) map[string]bool {
	names := map[string]bool{}
	object, _ := v.(map[string]any)
	for name := range object {
		names[name] = true
	}
	return names
}

const steve = `{"contact":{"first_name":"Steve","last_name":"Jobs",` +
	`"email":"sjobs@apple.com","title":"CEO","company_name":"Apple Inc."}}`

const hello = `{"message":{"contact_id":155715,` +
	`"message_type":"sales_force_message","rendered_copy":"Hey Louis"}}`

const everything = "?from=2000-01-01T00:00:00.000Z&to=2100-01-01T00:00:00.000Z"
