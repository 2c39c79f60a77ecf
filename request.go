package growthgenius

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-querystring/query"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// endpoint describes the call that a service method makes.
type endpoint struct {
	method    string
	route     string        // the path's template: "/contacts/{id}"
	id        ID            // fills {id}; the response must have it too
	query     any           // nil, url.Values or a struct with url tags
	body      any           // nil or a value for JSON
	envelope  wire.Envelope // around the body of the request and the records of the response
	class     engine.Class  // what may be sent again; by default the method decides
	anonymous bool          // no user_id
	lookup    bool          // 202 means "try again later"
	moved     bool          // the record may have another id than the one that was asked for
	raw       bool          // from the caller: the route is a path, the body is for encoding/json

	empty bool // a read whose response may be empty: the caller does not want it

	maxBytes int64 // a tighter bound on the response than the client's; 0 for none
	splits   bool  // if it is too much to ask for, the caller asks for less instead

	// recheck is called before an update that may have been carried out is sent again.
	recheck func(since time.Time) error

	doubt func()                   // called at the end of a list that may lack records
	open  func(*engine.Body) error // reads a streamed response as far as its first element
	leave func() error             // called right before each request

	finds bool         // it is read to find creates
	seen  *observation // nil as long as it is not observed
}

// isOfOne reports whether the call is about the record with the id.
func (e endpoint) isOfOne() bool { return !e.raw && strings.HasSuffix(e.route, "/{id}") }

// about describes the call for errors.
func (e endpoint) about() about {
	a := about{method: e.method, route: e.route}
	if e.isOfOne() {
		a.id = shownID(string(e.id))
	}
	return a
}

// maxShownID is how many bytes of an id an error shows.
const maxShownID = 64

// shownID returns an id as errors show it.
func shownID(id string) string { return redact.Clip(redact.Printable(id), maxShownID) }

// refuse is the error of a call that is not sent, or whose response is not used.
func (e endpoint) refuse(err error) error { return &callError{e.about(), err} }

// outgoing is what a call sends.
type outgoing struct {
	url  url.URL
	body []byte // nil for none
}

// build encodes a call to the API at base, on behalf of user unless the options name
// another one. It returns an error if the call is not valid.
func (e endpoint) build(base *url.URL, user ID, o *callOptions) (outgoing, error) {
	if o.err != nil {
		return outgoing{}, fmt.Errorf("%w: %w", ErrInvalidInput, o.err)
	}
	path := e.route
	if e.isOfOne() {
		segment, err := escapeID(e.id)
		if err != nil {
			return outgoing{}, err
		}
		path = strings.Replace(path, "{id}", segment, 1)
	}
	rawQuery, err := e.encodeQuery(user, o)
	if err != nil {
		return outgoing{}, err
	}
	body, err := e.encodeBody()
	if err != nil {
		return outgoing{}, err
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return outgoing{}, fmt.Errorf("%w: the path cannot be parsed", ErrInvalidInput)
	}
	u := *base
	if e.raw || u.RawPath != "" || plain != path {
		u.RawPath = u.EscapedPath() + path
	}
	u.Path += plain
	u.RawQuery = rawQuery
	return outgoing{u, body}, nil
}

// actingUser returns the user on whose behalf a call acts: the one that the options name,
// or user.
func actingUser(user ID, o *callOptions) (ID, error) {
	if o.asUser != nil {
		user = *o.asUser
	}
	if user == "" {
		return "", fmt.Errorf("%w: no acting user: the API wants a user_id with this call; "+
			"give WithUserID to NewClient, or use Client.ForUser or AsUser (Users.List returns the ids)", ErrInvalidInput)
	}
	return user, nil
}

// escapeID returns an id as one segment of a path. It refuses an id that a proxy could take
// for more than that: some unescape a path before they pass it on.
func escapeID(id ID) (string, error) {
	if id == "" {
		return "", fmt.Errorf("%w: the id is empty", ErrInvalidInput)
	}
	plain, err := url.PathUnescape(string(id))
	if err != nil { // it has a % that escapes nothing
		plain = string(id)
	}
	for _, text := range []string{string(id), plain} {
		if text == "." || text == ".." || strings.ContainsAny(text, `/\`) {
			return "", fmt.Errorf("%w: the id %q would change the path", ErrInvalidInput, string(id))
		}
	}
	return url.PathEscape(string(id)), nil
}

// checkPath rejects paths that could lead away from the API, and take the key with them.
func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("%w: the path must start with a slash and be relative to the base URL", ErrInvalidInput)
	case strings.HasPrefix(path, "//"):
		return fmt.Errorf("%w: a path that starts with // names another host", ErrInvalidInput)
	case strings.ContainsAny(path, "?#"):
		return fmt.Errorf("%w: the path may have no query or fragment: use the query argument", ErrInvalidInput)
	}
	for segment := range strings.SplitSeq(path, "/") {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return fmt.Errorf("%w: the path is not properly escaped: use url.PathEscape on each segment", ErrInvalidInput)
		}
		if text == "." || text == ".." {
			return fmt.Errorf("%w: the path may have no segment %q", ErrInvalidInput, text)
		}
		if strings.ContainsFunc(segment, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
			return fmt.Errorf("%w: the path has a blank, a backslash or a control character: use url.PathEscape on each segment", ErrInvalidInput)
		}
	}
	return nil
}

// encodeQuery returns the query of a call, with the acting user.
func (e endpoint) encodeQuery(user ID, o *callOptions) (string, error) {
	values, err := queryValues(e.query)
	if err != nil || e.anonymous {
		return values.Encode(), err
	}
	id, err := actingUser(user, o)
	if err != nil {
		return "", err
	}
	if values.Has("user_id") {
		return "", fmt.Errorf("%w: the query has a user_id: use AsUser", ErrInvalidInput)
	}
	if len(values) == 0 {
		return "user_id=" + url.QueryEscape(string(id)), nil
	}
	values.Set("user_id", string(id))
	return values.Encode(), nil
}

func queryValues(q any) (url.Values, error) {
	switch q := q.(type) {
	case nil:
		return url.Values(nil), nil
	case url.Values:
		values := make(url.Values, len(q)+1)
		for key, list := range q {
			values[key] = slices.Clone(list)
		}
		return values, nil
	default:
		values, err := query.Values(q)
		if err != nil {
			return nil, fmt.Errorf("%w: the query: %w", ErrInvalidInput, err)
		}
		return values, nil
	}
}

// encodeBody encodes the body, in the envelope of a single record if there is one.
func (e endpoint) encodeBody() ([]byte, error) {
	if e.body == nil {
		return nil, nil
	}
	if e.envelope.Singular != "" {
		body, err := encodeInput(e.body)
		if err != nil {
			return nil, err
		}
		return slices.Concat([]byte(`{"`+e.envelope.Singular+`":`), body, []byte("}")), nil
	}
	encode := wire.Marshal
	if e.raw {
		encode = wire.MarshalForeign
	}
	body, err := encode(e.body)
	return body, bodyError(err)
}

// encodeInput encodes what a record is created or updated with.
func encodeInput(in any) (json.RawMessage, error) {
	body, err := wire.Marshal(in)
	if err == nil && string(body) == "{}" {
		return nil, fmt.Errorf("%w: no field is set: use Set or Null on at least one", ErrInvalidInput)
	}
	return body, bodyError(err)
}

func bodyError(err error) error {
	if err == nil {
		return nil
	}
	if cause := wire.InputError(err); cause != nil {
		return cause
	}
	return fmt.Errorf("%w: the body cannot be encoded: %w", ErrInvalidInput, err)
}

// checkRawPath is checkPath for paths that are sent unchanged. It also rejects what net/url
// would escape again, since that would undo the escapes of the whole path, and dots that
// are visible only after a server has unescaped the path.
func checkRawPath(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	plain, err := url.PathUnescape(path)
	if err != nil || (&url.URL{Path: plain, RawPath: path}).EscapedPath() != path {
		return fmt.Errorf("%w: the path is not properly escaped: use url.PathEscape on each segment", ErrInvalidInput)
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(plain, `\`, "/"), "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("%w: the path may have no segment %q, nor an escaped one", ErrInvalidInput, segment)
		}
	}
	return nil
}

// checkAddress returns an error unless the text can be an e-mail address.
func checkAddress(address string) error {
	if err := match.CheckAddress(address); err != nil {
		return fmt.Errorf("%w: invalid e-mail address: %w", ErrInvalidInput, err)
	}
	return nil
}
