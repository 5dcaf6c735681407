import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A hub on a loopback port: the routes of the real one, and faults on demand.
///
/// It calls itself `127.0.0.1`; large files are on `localhost`, which is another host to a client.
final class FakeHub: Sendable {
    /// The token of the account that may read what is gated.
    static let token = "hf_octavoTestToken"

    private struct State {
        var repository: FakeRepository
        var faults: [FakeHubFault] = []
        var exchanges: [FakeHubExchange] = []
    }

    private let state: Mutex<State>
    private let port: Mutex<Int>

    private init(_ repository: FakeRepository) {
        state = Mutex(State(repository: repository))
        port = Mutex(0)
    }

    /// A hub with one repository, for the time of `body`.
    static func with<T>(_ repository: FakeRepository, _ body: (FakeHub) async throws -> T) async throws -> T {
        let hub = FakeHub(repository)
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(FakeHubHandler(hub))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        hub.port.withLock { $0 = server.localAddress?.port ?? 0 }
        do {
            let result = try await body(hub)
            try await server.close()
            return result
        } catch {
            try await server.close()
            throw error
        }
    }

    /// What `HF_ENDPOINT` is to be.
    var endpoint: String { "http://127.0.0.1:\(port.withLock { $0 })" }
    /// The host of large files.
    var storage: String { "http://localhost:\(port.withLock { $0 })" }

    /// What was asked and given so far.
    var exchanges: [FakeHubExchange] { state.withLock { $0.exchanges } }
    /// Bytes of files that were given so far, and not of redirects or listings.
    var servedBytes: Int { exchanges.reduce(0) { $0 + $1.fileBytes } }

    /// Makes a coming request fail in some way.
    func fail(_ fault: FakeHubFault) { state.withLock { $0.faults.append(fault) } }

    /// Changes the repository.
    func change(_ body: (inout FakeRepository) -> Void) { state.withLock { body(&$0.repository) } }

    /// The answer to a request, of which a note is taken.
    func answer(_ head: HTTPRequestHead) -> FakeHubAnswer {
        let (repository, fault) = state.withLock { state in
            let index = state.faults.firstIndex { head.method == $0.method && head.uri.contains($0.path) }
            return (state.repository, index.map { state.faults.remove(at: $0) })
        }
        var answer = FakeHubRoutes(repository: repository, storage: storage).answer(head)
        fault?.apply(to: &answer)
        let exchange = FakeHubExchange(head, answer)
        state.withLock { $0.exchanges.append(exchange) }
        return answer
    }
}

/// A request and what it got.
struct FakeHubExchange: Sendable {
    var method: HTTPMethod
    var uri: String
    var host: String
    var authorization: String?
    var range: String?
    var status: Int
    var fileBytes: Int

    init(_ head: HTTPRequestHead, _ answer: FakeHubAnswer) {
        method = head.method
        uri = head.uri
        host = head.headers.first(name: "Host") ?? ""
        authorization = head.headers.first(name: "Authorization")
        range = head.headers.first(name: "Range")
        status = Int(answer.status.code)
        fileBytes = head.method == .GET && answer.isFile ? min(answer.body.count, answer.end?.after ?? .max) : 0
    }
}

/// What goes back for a request.
struct FakeHubAnswer: Sendable {
    var status = HTTPResponseStatus.ok
    var headers = HTTPHeaders()
    var body = Data()
    /// Whether the body is a file's.
    var isFile = false
    /// Where the body stops before its end.
    var end: (after: Int, closes: Bool)?

    init(_ status: HTTPResponseStatus = .ok, _ headers: HTTPHeaders = [:], body: Data = Data()) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Something that goes wrong once, with the first request of the method whose URL contains `path`.
struct FakeHubFault: Sendable {
    var method = HTTPMethod.GET
    var path: String
    var apply: @Sendable (inout FakeHubAnswer) -> Void

    func apply(to answer: inout FakeHubAnswer) { apply(&answer) }

    /// The connection breaks after so many bytes of the body.
    static func cut(_ path: String, after count: Int) -> FakeHubFault {
        FakeHubFault(path: path) { $0.end = (count, true) }
    }

    /// Nothing comes after so many bytes of the body, and the connection stays.
    static func hold(_ path: String, after count: Int) -> FakeHubFault {
        FakeHubFault(path: path) { $0.end = (count, false) }
    }

    /// Another answer comes.
    static func refuse(
        _ path: String, method: HTTPMethod = .GET, _ status: HTTPResponseStatus, _ headers: HTTPHeaders = [:]
    ) -> FakeHubFault {
        FakeHubFault(method: method, path: path) { $0 = FakeHubAnswer(status, headers) }
    }
}

/// Writes the answers.
private final class FakeHubHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let hub: FakeHub
    private var head: HTTPRequestHead?

    init(_ hub: FakeHub) { self.hub = hub }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            write(hub.answer(head), hasBody: head.method != .HEAD, context)
        }
    }

    private func write(_ answer: FakeHubAnswer, hasBody: Bool, _ context: ChannelHandlerContext) {
        var headers = answer.headers
        if !headers.contains(name: "Content-Length"), !headers.contains(name: "Transfer-Encoding") {
            headers.add(name: "Content-Length", value: "\(answer.body.count)")
        }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if hasBody {
            let sent = answer.body.prefix(answer.end?.after ?? .max)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: sent)))), promise: nil)
        }
        guard let end = answer.end else {
            return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        context.flush()
        if end.closes { context.close(promise: nil) }
    }
}
