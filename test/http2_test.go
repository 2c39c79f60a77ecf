package test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// resets starts an HTTP/2 server that reads each request to its end, counts it, and resets
// its stream. It speaks HTTP/2 over TLS, or unencrypted.
func resets(t *testing.T, code http2.ErrCode, scheme string) (base string, requests *atomic.Int64, transport *http.Transport) {
	t.Helper()
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport = cert.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = true
	if scheme == "https" {
		ln = tls.NewListener(ln, &tls.Config{Certificates: cert.TLS.Certificates, NextProtos: []string{"h2"}})
	} else {
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	requests = new(atomic.Int64)
	var (
		all   sync.WaitGroup
		conns []net.Conn
	)
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
			all.Go(func() { resetEach(conn, code, requests) })
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = ln.Close()
		all.Wait()
		cert.Close()
	})
	return scheme + "://" + ln.Addr().String(), requests, transport
}

func resetEach(conn net.Conn, code http2.ErrCode, requests *atomic.Int64) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			ended = frame.StreamEnded()
		}
		if ended {
			requests.Add(1)
			_ = framer.WriteRSTStream(frame.Header().StreamID, code)
		}
	}
}

// TestHTTP2Reset: net/http does not resend a request that was sent completely. On its own, it
// would do so without end after PROTOCOL_ERROR, and a few times after REFUSED_STREAM.
func TestHTTP2Reset(t *testing.T) {
	t.Parallel()
	for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeRefusedStream, http2.ErrCodeInternal} {
		for i, k := range slices.Concat(kinds, kinds) {
			switch k.name {
			case "get", "list", "raw GET":
				continue // harmless, and stopped by the attempt timeout
			}
			scheme := []string{"https", "http"}[i/len(kinds)]
			t.Run(code.String()+" "+k.name+" "+scheme, func(t *testing.T) {
				t.Parallel()
				base, requests, transport := resets(t, code, scheme)
				c := testkit.NewClient(t, testkit.Secret,
					growthgenius.WithUserID("1"), growthgenius.WithBaseURL(base), growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
					growthgenius.WithAttemptTimeout(5*time.Second), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}),
					growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}),
				)
				err := k.do(t.Context(), c)
				if n := requests.Load(); n != 1 || err == nil {
					t.Errorf("sent %d times: %v", n, err)
				}
				if k.create && !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
					t.Errorf("%v is no unknown outcome", err)
				}
			})
		}
	}
}

// digest is a transport that reacts to a 401 by sending the request again.
type digest struct{ http.RoundTripper }

func (d digest) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	send := func(answer string) (*http.Response, error) {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		again.Header.Set("X-Answer", answer)
		return d.RoundTripper.RoundTrip(again)
	}
	res, err := send("")
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return send("yes")
}

// TestTransportThatSendsTwice: a transport may do so once it has a response.
func TestTransportThatSendsTwice(t *testing.T) {
	t.Parallel()
	for _, over2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Header.Get("X-Answer") == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, `{"contact":{"id":1,"email":"sjobs@apple.com"}}`)
		}))
		srv.EnableHTTP2 = over2
		srv.StartTLS()
		t.Cleanup(srv.Close)
		c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithBaseURL(srv.URL),
			growthgenius.WithHTTPClient(&http.Client{Transport: digest{srv.Client().Transport}}))
		if err := errors.Join(testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve)), testkit.Err(c.Contacts.Update(t.Context(), "1", testkit.Steve))); err != nil {
			t.Errorf("over HTTP/2 %v: %v", over2, err)
		}
	}
}
