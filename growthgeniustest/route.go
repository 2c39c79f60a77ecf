package growthgeniustest

import (
	"net/http"
	"net/url"
	"strings"
)

// Route templates, as [Request.Route] and [Fault.Route] have them.
const (
	RouteUsers    = "/users"
	RouteCompany  = "/companies/find"
	RoutePerson   = "/people/find" // whatever WithPersonPath says
	RouteContacts = "/contacts"
	RouteContact  = "/contacts/{id}"
	RouteSearch   = "/contacts/search"
	RouteMessages = "/messages"
	RouteMessage  = "/messages/{id}"
)

// call is one request that found its endpoint, on its way through the server.
type call struct {
	seq    int
	method string
	route  string
	id     string // of the record in the path
	query  url.Values
	body   []byte
	acting string // user_id
	late   bool   // carried out after the answer was lost
}

// endpoint answers a call. It runs under the server's lock.
type endpoint func(*Server, *call) answer

var endpoints = map[string]map[string]endpoint{
	RouteUsers:    {http.MethodGet: (*Server).getUsers},
	RouteCompany:  {http.MethodGet: (*Server).findCompany},
	RoutePerson:   {http.MethodGet: (*Server).findPerson},
	RouteContacts: {http.MethodGet: (*Server).listContacts, http.MethodPost: (*Server).createContact},
	RouteSearch:   {http.MethodPost: (*Server).searchContacts},
	RouteContact: {
		http.MethodGet: (*Server).getContact, http.MethodPatch: (*Server).updateContact, http.MethodDelete: (*Server).deleteContact,
	},
	RouteMessages: {http.MethodGet: (*Server).listMessages, http.MethodPost: (*Server).createMessage},
	RouteMessage: {
		http.MethodGet: (*Server).getMessage, http.MethodPatch: (*Server).updateMessage, http.MethodDelete: (*Server).deleteMessage,
	},
}

// resolve finds the route template and the record id of an escaped path. An empty route is no endpoint.
func (s *Server) resolve(escapedPath string) (route, id string) {
	path, ok := strings.CutPrefix(escapedPath, basePath)
	if !ok {
		return "", ""
	}
	switch path {
	case s.cfg.personPath:
		return RoutePerson, ""
	case RouteUsers, RouteUsers + "/": // the later revision writes the slash
		return RouteUsers, ""
	case RouteCompany, RouteContacts, RouteSearch, RouteMessages:
		return path, ""
	}
	for prefix, template := range map[string]string{RouteContacts + "/": RouteContact, RouteMessages + "/": RouteMessage} {
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
