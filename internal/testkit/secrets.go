package testkit

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Secret is the middle of Key, which no encoding changes except one that escapes letters.
// Tests that need a plain key use it alone.
const Secret = "SECRET"

var letterEscapes = regexp.MustCompile(`(?i)(?:\\+u00|%(?:25)*|&#x0*)([0-9a-f]{2});?`)

// NoSecret fails the test if text quotes the key, escaped or not.
func NoSecret(t testing.TB, where, text string) {
	t.Helper()
	if !strings.ContainsAny(text, `\%&`) && !strings.Contains(text, Secret) {
		return
	}
	plain := letterEscapes.ReplaceAllStringFunc(html.UnescapeString(text), func(s string) string {
		n, err := strconv.ParseUint(letterEscapes.FindStringSubmatch(s)[1], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		return string(rune(n))
	})
	if strings.Contains(plain, Secret) || strings.Contains(text, Secret) {
		t.Errorf("%s quotes the key: %.500s", where, text)
	}
}

// NoSecretIn fails the test if v, or anything that it leads to, is the key or has it
// inside, exported or not, printed or not. Only functions may hold it.
func NoSecretIn(t testing.TB, where string, v any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		NoSecret(t, where+" as "+verb, fmt.Sprintf(verb, v))
	}
	if data, err := json.Marshal(v); err == nil {
		NoSecret(t, where+" as JSON", string(data))
	}
	s := search{t: t, seen: map[visit]bool{}}
	s.walk(where, reflect.ValueOf(v))
	if err, ok := v.(error); ok {
		for _, cause := range Causes(err) {
			NoSecret(t, where+": a cause", cause.Error())
		}
	}
}

// search looks for the key in everything that a value leads to.
type search struct {
	t    testing.TB
	seen map[visit]bool
}

type visit struct {
	at  uintptr
	typ reflect.Type
}

func (s *search) walk(at string, v reflect.Value) {
	s.t.Helper()
	if len(at) > 2000 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		NoSecret(s.t, at, v.String())
	case reflect.Interface:
		s.walk(at, v.Elem())
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return
		}
		key := visit{v.Pointer(), v.Type()}
		if s.seen[key] && v.Kind() != reflect.Slice {
			return
		}
		s.seen[key] = true
		s.follow(at, v)
	case reflect.Array:
		for i := range v.Len() {
			s.walk(at+"[]", v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.walk(at+"."+v.Type().Field(i).Name, v.Field(i))
		}
	default:
	}
}

// follow walks what a pointer, a map or a slice refers to. A struct is printed, too: there
// may be a pointer to it that reflect can see, and fmt as well.
func (s *search) follow(at string, v reflect.Value) {
	s.t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if v.Elem().Kind() == reflect.Struct {
			NoSecret(s.t, at+" as %+v", fmt.Sprintf("%+v", v.Elem()))
		}
		s.walk(at, v.Elem())
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			s.walk(at+"[key]", iter.Key())
			s.walk(at+"[]", iter.Value())
		}
	default:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			NoSecret(s.t, at, string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			s.walk(at+"[]", v.Index(i))
		}
	}
}

// Causes returns the errors that an error wraps, however deep.
func Causes(err error) []error {
	var wrapped, all []error
	switch e := err.(type) { //nolint:errorlint // each link is looked at
	case interface{ Unwrap() error }:
		wrapped = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		wrapped = e.Unwrap()
	}
	for _, cause := range wrapped {
		if cause != nil {
			all = append(append(all, cause), Causes(cause)...)
		}
	}
	return all
}

// Echoes returns the ways in which a server may write back the key that it was sent.
func Echoes() map[string]string {
	quoted, _ := json.Marshal(Key)
	inJSON := string(quoted[1 : len(quoted)-1])
	twice, _ := json.Marshal(string(quoted))
	var every, hex strings.Builder
	for _, c := range []byte(Key) {
		fmt.Fprintf(&every, `\u%04X`, c)
		fmt.Fprintf(&hex, `&#x%02x;`, c)
	}
	byName := strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&apos;", "<", "&lt;", ">", "&gt;")
	return map[string]string{
		"raw": Key, "JSON": inJSON, "JSON in JSON": string(twice), "every letter": every.String(),
		"PHP's JSON": strings.ReplaceAll(inJSON, "/", `\/`),
		"query":      url.QueryEscape(Key), "query twice": url.QueryEscape(url.QueryEscape(Key)), "path": url.PathEscape(Key),
		"HTML": html.EscapeString(Key), "HTML by name": byName.Replace(Key), "HTML in hex": hex.String(),
	}
}
