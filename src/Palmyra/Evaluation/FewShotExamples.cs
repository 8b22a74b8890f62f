using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Metrics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation;

/// <summary>Puts solved examples in front of items, drawn as lm-evaluation-harness draws them.</summary>
/// <remarks>
/// One Python generator serves all items in turn: <c>random.sample(examples, n)</c> for each, n being the number wanted or one more
/// (<see cref="EvaluationProtocol.TasksSayIfOneMoreIsDrawn"/>); what equals the item is left out, and of the rest the first so many as are
/// wanted stay. So a task that draws no more than it needs may keep one less. An example is its context and its right continuation;
/// examples and item are parted by an empty line. The examples' texts are held in memory.
/// </remarks>
internal sealed class FewShotExamples
{
    private const string Delimiter = "\n\n";

    private readonly List<string> _examples = [];
    private readonly Dictionary<int, int[]> _drawn = [];
    private readonly EvaluationTask _task;
    private readonly string _joint;
    private readonly int _count;

    /// <summary>Reads the examples and draws for every item.</summary>
    /// <param name="task">The task that is evaluated.</param>
    /// <param name="source">Where the examples are.</param>
    /// <param name="fromItems">Whether that is the evaluated file itself.</param>
    /// <param name="count">How many an item gets, at least 1.</param>
    /// <param name="selection">The items, in the order they draw.</param>
    /// <param name="cancellation">Looked at while reading and drawing.</param>
    /// <exception cref="EvaluationException">The task has no continuations, or there are too few examples.</exception>
    public FewShotExamples(
        EvaluationTask task, DataFile source, bool fromItems, int count, ItemSelection selection, CancellationToken cancellation)
    {
        _task = task;
        _count = count;
        EvaluationProtocol protocol = selection.Protocol;
        _joint = task.Kind == TaskKind.Cloze ? protocol.ClozeExampleDelimiter : string.Empty;
        foreach (EvaluationItem item in task.Read(source))
        {
            cancellation.ThrowIfCancellationRequested();
            _examples.Add(Solved(item));
        }

        bool oneMore = (protocol.TasksSayIfOneMoreIsDrawn ? task.DrawsOneMoreExample : null) ?? fromItems;
        int needed = oneMore ? count + 1 : count;
        if (_examples.Count < needed)
        {
            throw new EvaluationException(
                $"{source.Path}: {count} examples in front of each item were asked for, which takes {needed} records; the file has {_examples.Count}.");
        }

        PythonRandom random = selection.ExampleGenerator();
        foreach (int item in selection.Order)
        {
            cancellation.ThrowIfCancellationRequested();
            _drawn.Add(item, random.Sample(_examples.Count, needed));
        }
    }

    /// <summary>The item with its examples in front of each of its contexts.</summary>
    public EvaluationItem Prepend(EvaluationItem item)
    {
        string own = Solved(item);
        var front = new StringBuilder();
        foreach (string example in _drawn[item.Index].Select(drawn => _examples[drawn]).Where(example => example != own).Take(_count))
        {
            front.Append(example).Append(Delimiter);
        }

        return item with
        {
            Requests = [.. item.Requests.Cast<ContinuationRequest>().Select(request => request with { Context = front + request.Context })],
        };
    }

    private string Solved(EvaluationItem item) => item.Requests[item.Gold] is ContinuationRequest right
        ? right.Context + _joint + right.Continuation
        : throw new EvaluationException($"{_task.Name} scores whole texts, which take no examples in front; leave few-shot at 0.");
}
