using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Metrics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation;

/// <summary>Puts solved examples in front of items, drawn as lm-evaluation-harness draws them.</summary>
/// <remarks>
/// One Python generator serves all items in turn: <c>random.sample(examples, k)</c> for each; where examples are the evaluated items
/// themselves, k + 1 are drawn and the item is left out. An example is its context and its right continuation; examples and item are
/// parted by an empty line. The examples' texts are held in memory.
/// </remarks>
internal sealed class FewShotExamples
{
    private const string Delimiter = "\n\n";

    private readonly List<string> _examples = [];
    private readonly Dictionary<int, int[]> _drawn = [];

    /// <summary>Reads the examples and draws for every item.</summary>
    /// <param name="task">The task that is evaluated.</param>
    /// <param name="source">Where the examples are.</param>
    /// <param name="fromItems">Whether that is the evaluated file itself.</param>
    /// <param name="count">How many an item gets, at least 1.</param>
    /// <param name="selection">The items, in the order they draw.</param>
    /// <exception cref="EvaluationException">The task has no continuations, or there are too few examples.</exception>
    public FewShotExamples(EvaluationTask task, DataFile source, bool fromItems, int count, ItemSelection selection)
    {
        string joint = task.Kind == TaskKind.Cloze ? selection.Protocol.ClozeExampleDelimiter : string.Empty;
        foreach (EvaluationItem item in task.Read(source))
        {
            _examples.Add(item.Requests[item.Gold] is ContinuationRequest right
                ? right.Context + joint + right.Continuation
                : throw new EvaluationException($"{task.Name} scores whole texts, which take no examples in front; leave few-shot at 0."));
        }

        int needed = fromItems ? count + 1 : count;
        if (_examples.Count < needed)
        {
            throw new EvaluationException(
                $"{source.Path}: {count} examples in front of each item were asked for, which takes {needed} records; the file has {_examples.Count}.");
        }

        PythonRandom random = selection.ExampleGenerator();
        foreach (int item in selection.Order)
        {
            int[] sample = random.Sample(_examples.Count, needed);
            _drawn.Add(item, [.. sample.Where(example => !fromItems || example != item).Take(count)]);
        }
    }

    /// <summary>The item with its examples in front of each of its contexts.</summary>
    public EvaluationItem Prepend(EvaluationItem item)
    {
        var front = new StringBuilder();
        foreach (int example in _drawn[item.Index])
        {
            front.Append(_examples[example]).Append(Delimiter);
        }

        return item with
        {
            Requests = [.. item.Requests.Cast<ContinuationRequest>().Select(request => request with { Context = front + request.Context })],
        };
    }
}
