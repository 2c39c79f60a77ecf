package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// timeoutError means that an attempt took longer than its timeout. That is not the caller's
// deadline, so it does not match context.DeadlineExceeded.
type timeoutError struct {
	after time.Duration
	setBy string // the option
}

func (e timeoutError) Error() string {
	return fmt.Sprintf("no complete response within %s; see %s", e.after, e.setBy)
}
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func isTimeout(err error) bool {
	_, ok := errors.AsType[timeoutError](err)
	return ok
}

// isAnyTimeout also reports whether the transport has run into a timeout of its own.
func isAnyTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// isDial reports whether there was no connection. It proves nothing of a create, since the
// error may be that of another request of the transport.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "proxyconnect")
}

// isPermanent reports whether another attempt would fail the same way.
func isPermanent(err error) bool {
	if errors.Is(err, errs.ErrResponseTooLarge) || isFinalHandshake(err) {
		return true
	}
	if p, ok := errors.AsType[proxyError](err); ok {
		return p.isPermanent()
	}
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid)
}

// finalAlerts are the TLS alerts of a server that refuses what this client offers, or its
// certificate. The others may have a passing cause: a server that restarts, or bytes that
// changed on the way.
var finalAlerts = []tls.AlertError{
	40,  // handshake failure
	42,  // bad certificate
	43,  // unsupported certificate
	44,  // revoked certificate
	45,  // expired certificate
	46,  // unknown certificate
	47,  // illegal parameter
	48,  // unknown certificate authority
	49,  // access denied
	70,  // protocol version not supported
	71,  // insufficient security level
	86,  // inappropriate fallback
	109, // missing extension
	110, // unsupported extension
	112, // unrecognized name
	116, // certificate required
	120, // no application protocol
	121, // encrypted client hello required
}

// isFinalHandshake reports whether client and server cannot agree on TLS.
func isFinalHandshake(err error) bool {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return string(record.RecordHeader[:]) == "HTTP/" // a port that serves plain http
	}
	for err != nil {
		op, ok := errors.AsType[*net.OpError](err)
		if !ok {
			break
		}
		// The type of the alert is not exported: only its text can be compared.
		if op.Op == "remote error" && slices.ContainsFunc(finalAlerts, func(a tls.AlertError) bool { return op.Err.Error() == a.Error() }) {
			return true
		}
		err = op.Err // op may be that of the proxy, around the one of TLS
	}
	return err != nil && strings.Contains(err.Error(), "tls: server selected unsupported protocol version")
}

// explain returns what an error of an attempt means. It distinguishes the end of the
// caller's context from the attempt's own timeout, for which net/http has the same words.
// It removes the query and the key from all others.
func (c *call) explain(wait *patience, err error) error {
	if ctxErr := c.ctx.Err(); ctxErr != nil {
		return fmt.Errorf("waiting for the response: %w", ctxErr)
	}
	if wait.over() || errs.IsContext(err) {
		return timeoutError{c.cfg.Timeout, c.cfg.TimeoutSetBy}
	}
	err = c.cfg.Redact.Err(withoutQuery(unwrapURLError(err), c.URL.RawQuery))
	if err.Error() == http.StatusText(http.StatusProxyAuthRequired) { // of a transport without CheckProxy
		return proxyError{http.StatusProxyAuthRequired}
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("%w; does the base URL have a port that serves plain http?", err)
	}
	return err
}

// unwrapURLError drops the URL that net/http puts into its errors, with the query.
func unwrapURLError(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = u.Err
	}
}

// withoutQuery returns err itself unless its text quotes the query.
func withoutQuery(err error, query string) error {
	text := err.Error()
	if query == "" || !strings.Contains(text, query) {
		return err
	}
	return quotedQueryError{
		text: strings.ReplaceAll(text, query, "[query]"),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
}

// quotedQueryError is an error whose text leaves out the query, which its cause quotes. The
// cause is behind a function: it can be matched, and not printed.
type quotedQueryError struct {
	text string
	is   func(target error) bool
}

func (e quotedQueryError) Error() string        { return e.text }
func (e quotedQueryError) Is(target error) bool { return e.is(target) }
