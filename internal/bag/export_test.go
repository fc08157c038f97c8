package bag

// What the tests outside of the package reach inside.
var (
	OpenMessage  = openCMS
	ReadManifest = readManifest
	WrapKey      = wrapKey
	UnwrapKey    = unwrapKey
)

// ManifestLine is a line of a manifest.
type ManifestLine = manifestLine

// Path is the path that the line names.
func (l ManifestLine) Path() string { return l.path }
