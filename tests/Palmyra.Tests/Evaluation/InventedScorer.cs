using System.Runtime.CompilerServices;
using System.Text;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation;

/// <summary>Answers by a checksum of the text, after as many items as it is told; can stop in the middle as a killed process would.</summary>
internal sealed class InventedScorer(int ahead = 1, int dieAfter = int.MaxValue) : ITextScorer
{
    public EvaluationProtocol Protocol { get; init; } = EvaluationProtocol.Today;

    public ModelDescription Description { get; init; } = new() { Name = "invented", Where = "nowhere", Digest = "d1", Weights = "f32" };

    public long TokensComputed { get; private set; }

    public RequestScore? Instead { get; init; }

    public List<ScoringRequest> Asked { get; } = [];

    public static RequestScore Answer(ScoringRequest request)
    {
        string text = request switch
        {
            ContinuationRequest asked => asked.Context + "|" + asked.Continuation,
            RollingRequest rolling => rolling.Text,
            _ => throw new NotSupportedException(),
        };
        uint sum = 2166136261;
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            sum = (sum ^ value) * 16777619;
        }

        return new RequestScore(-(sum % 100_000) / 7777.0, sum % 3 == 0, (int)(sum % 5) + 1);
    }

    public async IAsyncEnumerable<ItemScore> ScoreAsync(
        IEnumerable<EvaluationItem> items, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        int answered = 0;
        foreach (EvaluationItem[] chunk in items.Chunk(ahead))
        {
            await Task.Yield();
            foreach (EvaluationItem item in chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                if (answered++ == dieAfter)
                {
                    throw new InvalidOperationException("killed");
                }

                Asked.AddRange(item.Requests);
                TokensComputed += 10;
                yield return new ItemScore(item.Index, [.. item.Requests.Select(request => Instead ?? Answer(request))]);
            }
        }
    }

    public void Dispose()
    {
    }
}
