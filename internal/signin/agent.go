package signin

import "strings"

// family is what is stable of a browser's User-Agent: which browser on which
// system, without versions, so that an update ends no session. A cookie that turns
// up in another family was copied.
func family(agent string) string {
	browser := "other"
	for _, b := range []struct{ mark, name string }{ // the order matters: most claim to be others too
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	} {
		if strings.Contains(agent, b.mark) {
			browser = b.name
			break
		}
	}
	system := "other"
	for _, o := range []struct{ mark, name string }{
		{"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(agent, o.mark) {
			system = o.name
			break
		}
	}
	return browser + " on " + system
}
