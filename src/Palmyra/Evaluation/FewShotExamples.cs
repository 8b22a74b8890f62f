using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Metrics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation;

/// <summary>Puts solved examples in front of items, drawn as lm-evaluation-harness draws them.</summary>
/// <remarks>
/// One Python generator serves all items in their order: <c>random.sample(examples, k)</c> for each; where examples are the evaluated items
/// themselves, k + 1 are drawn and the item is left out. An example is its context and its right continuation; examples and item are
/// parted by an empty line. The examples' texts are held in memory.
/// </remarks>
internal sealed class FewShotExamples
{
    private const string Delimiter = "\n\n";

    private readonly List<string> _examples = [];
    private readonly bool _fromItems;
    private readonly int _count;
    private readonly PythonRandom _random;

    /// <summary>Reads the examples.</summary>
    /// <param name="task">The task that is evaluated.</param>
    /// <param name="source">Where the examples are.</param>
    /// <param name="fromItems">Whether that is the evaluated file itself.</param>
    /// <param name="count">How many an item gets, at least 1.</param>
    /// <param name="seed">The generator's seed.</param>
    /// <exception cref="EvaluationException">The task has no continuations, or there are too few examples.</exception>
    public FewShotExamples(EvaluationTask task, DataFile source, bool fromItems, int count, int seed)
    {
        _fromItems = fromItems;
        _count = count;
        _random = new PythonRandom(seed);
        foreach (EvaluationItem item in task.Read(source))
        {
            _examples.Add(item.Requests[item.Gold] is ContinuationRequest right
                ? right.Context + right.Continuation
                : throw new EvaluationException($"{task.Name} scores whole texts, which take no examples in front; leave few-shot at 0."));
        }

        if (_examples.Count < Drawn)
        {
            throw new EvaluationException(
                $"{source.Path}: {count} examples in front of each item were asked for, which takes {Drawn} records; the file has {_examples.Count}.");
        }
    }

    private int Drawn => _fromItems ? _count + 1 : _count;

    /// <summary>The item with examples in front of each of its contexts. Call it for every item, in order: each call draws.</summary>
    public EvaluationItem Prepend(EvaluationItem item)
    {
        var shots = new StringBuilder();
        foreach (int example in _random.Sample(_examples.Count, Drawn).Where(example => !_fromItems || example != item.Index).Take(_count))
        {
            shots.Append(_examples[example]).Append(Delimiter);
        }

        string front = shots.ToString();
        return item with
        {
            Requests = [.. item.Requests.Cast<ContinuationRequest>().Select(request => request with { Context = front + request.Context })],
        };
    }
}
