package growthgeniustest

import (
	"net/http"
	"net/url"
	"strings"
)

// Route templates, for [Request.Route] and [Fault.Route].
const (
	RouteUsers    = "/users"
	RouteCompany  = "/companies/find"
	RoutePerson   = "/people/find" // even if WithPersonPath sets another path
	RouteContacts = "/contacts"
	RouteContact  = "/contacts/{id}"
	RouteSearch   = "/contacts/search"
	RouteMessages = "/messages"
	RouteMessage  = "/messages/{id}"
)

// call is a request on its way through the server.
type call struct {
	seq    int
	method string
	route  string // "" if no endpoint matched
	id     string // of the record, from the path
	query  url.Values
	body   []byte
	acting string // user_id, from the query
	late   bool   // carried out after the response was lost
}

// endpoint carries out a call and returns the response. It runs with Server.mu held.
type endpoint func(*Server, *call) response

var endpoints = map[string]map[string]endpoint{
	RouteUsers:   {http.MethodGet: (*Server).getUsers},
	RouteCompany: {http.MethodGet: (*Server).findCompany},
	RoutePerson:  {http.MethodGet: (*Server).findPerson},
	RouteSearch:  {http.MethodPost: (*Server).searchContacts},
	RouteContacts: {
		http.MethodGet:  (*Server).listContacts,
		http.MethodPost: (*Server).createContact,
	},
	RouteContact: {
		http.MethodGet:    (*Server).getContact,
		http.MethodPatch:  (*Server).updateContact,
		http.MethodDelete: (*Server).deleteContact,
	},
	RouteMessages: {
		http.MethodGet:  (*Server).listMessages,
		http.MethodPost: (*Server).createMessage,
	},
	RouteMessage: {
		http.MethodGet:    (*Server).getMessage,
		http.MethodPatch:  (*Server).updateMessage,
		http.MethodDelete: (*Server).deleteMessage,
	},
}

// resolve returns the route template and the record id of an escaped path. The route is
// "" if no endpoint matches.
func (s *Server) resolve(escapedPath string) (route, id string) {
	path, ok := strings.CutPrefix(escapedPath, basePath)
	if !ok {
		return "", ""
	}
	switch path {
	case s.cfg.personPath:
		return RoutePerson, ""
	case RouteUsers, RouteUsers + "/": // the later revision has the slash
		return RouteUsers, ""
	case RouteCompany, RouteContacts, RouteSearch, RouteMessages:
		return path, ""
	}
	for prefix, template := range map[string]string{
		RouteContacts + "/": RouteContact,
		RouteMessages + "/": RouteMessage,
	} {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok || rest == "" || strings.Contains(rest, "/") {
			continue
		}
		if id, err := url.PathUnescape(rest); err == nil {
			return template, id
		}
	}
	return "", ""
}
