// Package page is what every page of the console has: how it is rendered, in
// which words, in which style, and what a request may be.
//
// A room of the console (the public's, counsel's, …) is a [Room]: templates,
// messages, and [Route] values. Each route says who may use it ([Audience]); the
// console refuses everybody else before the route's function is called. The
// function gets a [Visit] and either renders ([Visit.Render]), sends elsewhere
// ([Visit.See]) or returns an error, which becomes a page with one sentence and
// what to do.
//
// # Templates
//
// A page is a file of templates/ that defines "title" and "content"; it stands
// inside layout.html and may use the components. A file whose name begins with an
// underscore is shared by all pages of its room. Inside, "." is a [Frame]; ".D"
// is what the function gave. What html/template escapes stays escaped: nobody but
// this package makes a template.HTML.
//
// # Words
//
// All text that a reader sees is a message: {{t "key" "name" value …}}, from
// messages/en.yaml and its brothers in German, French and Spanish. A message has
// places, {name}, and where it counts something two forms, "one" and "other",
// chosen by {n}. {{tf "family" .Key}} is the message "family.KEY", for keys that
// come from data. A key that a template uses and a language doesn't have is an
// error of [New], and so of the build's tests. Dates, times, numbers and sizes are
// the language's: {{date .}}, {{moment .}}, {{number .}}, {{size .}}, {{left .}}.
//
// # What holds without JavaScript
//
// Everything but passkeys, which a browser has only in a script. Forms post and
// are answered with 303 See Other. htmx replaces parts of a page where it is
// there; the same address then answers with the part alone ([Visit.Part]).
package page
