using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace Palmyra.Tests.Evaluation.Api;

/// <summary>Stands in for the network: answers each request by a function of its body and number, and remembers what was sent.</summary>
internal sealed class StubHandler(Func<string, int, CancellationToken, Task<HttpResponseMessage>> answer) : HttpMessageHandler
{
    private int _inFlight;

    public StubHandler(Func<string, int, HttpResponseMessage> answer)
        : this((body, number, _) => Task.FromResult(answer(body, number)))
    {
    }

    public ConcurrentQueue<(Uri Address, string Headers, string Body)> Sent { get; } = [];

    public int MostInFlight { get; private set; }

    public static HttpResponseMessage Json(string text, HttpStatusCode status = HttpStatusCode.OK) =>
        new(status) { Content = new StringContent(text, Encoding.UTF8, "application/json") };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string body = await request.Content!.ReadAsStringAsync(cancellationToken);
        Sent.Enqueue((request.RequestUri!, $"{request.Method}\n{request.Headers}{request.Content.Headers}", body));
        int number = Sent.Count - 1;
        lock (Sent)
        {
            MostInFlight = Math.Max(MostInFlight, ++_inFlight);
        }

        try
        {
            return await answer(body, number, cancellationToken);
        }
        finally
        {
            lock (Sent)
            {
                _inFlight--;
            }
        }
    }
}
