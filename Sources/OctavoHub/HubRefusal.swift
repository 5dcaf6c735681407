import AsyncHTTPClient
import NIOHTTP1

/// An answer that is neither what was asked for nor a redirect.
struct HubRefusal {
    private let status: Int
    private let code: String
    private let message: String
    private let askedPause: Duration?
    private let name: HubName
    private let file: String?
    private let configuration: HubConfiguration

    init(_ response: HTTPClientResponse, name: HubName, file: String?, configuration: HubConfiguration) {
        status = Int(response.status.code)
        code = response.headers.first(name: "X-Error-Code") ?? ""
        message = Self.printable(response.headers.first(name: "X-Error-Message") ?? response.status.reasonPhrase)
        askedPause = response.headers.first(name: "Retry-After").flatMap(Int.init).map {
            .seconds(min(max($0, 0), 1 << 31))
        }
        self.name = name
        self.file = file
        self.configuration = configuration
    }

    /// The error to throw: `TransientFailure` for what may pass, else a `HubError`.
    var error: any Error {
        switch (code, status) {
        case (_, 408), (_, 429), (_, 500...599):
            TransientFailure(reason: "the hub answers \(status) (\(message))", askedPause: askedPause)
        case ("GatedRepo", _): accessDenied("is gated: the hub gives it to those who have accepted its terms", gated)
        case ("RevisionNotFound", _):
            HubError(
                .notFound, name.description, "the repository has no revision \(revision)",
                remedy: "Check the spelling; branches and tags are listed at \(page)/tree/main.")
        case ("EntryNotFound", _) where file != nil, (_, 404) where file != nil:
            HubError(
                .notFound, name.description, "the repository has no file \(file ?? "") at revision \(revision)",
                remedy: "Check the spelling; its files are listed at \(page)/tree/main.")
        case ("RepoNotFound", _), (_, 404),
            (_, 401) where configuration.token == nil:
            HubError(
                .notFound, name.description, "\(configuration.endpoint) has no such model, or it is private",
                remedy: "Check the spelling; for a private one, set HF_TOKEN to a token that may read it.")
        case (_, 401), (_, 403):
            accessDenied(
                "the hub refuses access (\(message))", "Check HF_TOKEN: its account must be allowed to read \(page).")
        default:
            HubError(
                .unavailable, name.description, "the hub answers \(status) (\(message))",
                remedy: "Check HF_ENDPOINT, or try again later.")
        }
    }

    private var revision: String { name.revision ?? HubName.defaultRevision }
    private var page: String { "\(configuration.endpoint)/\(name.repository)" }

    private var gated: String {
        configuration.token == nil
            ? "Accept them at \(page), and set HF_TOKEN to a token of that account "
                + "(\(configuration.endpoint)/settings/tokens)."
            : "Accept them at \(page) with the account of the token in use, or set HF_TOKEN to one of an account that "
                + "has."
    }

    private func accessDenied(_ reason: String, _ remedy: String) -> HubError {
        HubError(.accessDenied, name.description, reason, remedy: remedy)
    }

    /// A server's words, as far as they fit a line.
    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(200).map(Character.init))
    }
}
