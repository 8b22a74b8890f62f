using System.Globalization;
using Palmyra.Evaluation;

namespace Palmyra.Cli;

/// <summary>What a watching person reads while a task is scored: which of how many, items, running score, speed, time left.</summary>
/// <param name="model">The model's name.</param>
/// <param name="number">The task's number among those of all models, from 1.</param>
/// <param name="count">How many there are.</param>
internal sealed class EvaluationProgressLine(string model, int number, int count)
{
    // Below this the bar beside it would wrap.
    private const int WideTerminal = 120;

    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;

    /// <summary>The share done and the line.</summary>
    public (double Share, string Title) Describe(EvaluationProgress step)
    {
        TimeSpan passed = DateTimeOffset.UtcNow - _started;
        bool wide = Width() >= WideTerminal;
        string head = wide ? $"{number}/{count} {model} {step.Task}" : $"{number}/{count} {step.Task}";
        if (step.IsResampling)
        {
            return (1, $"{head}  drawing the errors of {step.Main?.Name ?? "its metrics"}");
        }

        // What the journal answered took no time.
        int asked = step.Done - step.Resumed;
        string left = asked == 0 ? string.Empty : $"  {Span(passed / asked * (step.Total - step.Done))} left";
        string main = step.Main is MetricValue metric
            ? string.Create(CultureInfo.InvariantCulture, $"  {metric.Name} {metric.Value:G4}")
            : string.Empty;
        string speed = wide && step.TokensComputed > 0 ? $"  {Columns.Count((long)(step.TokensComputed / passed.TotalSeconds))} tokens/s" : string.Empty;
        string items = wide ? $"  {Columns.Count(step.Done)} of {Columns.Count(step.Total)}" : string.Empty;
        return (step.Total == 0 ? 1 : (double)step.Done / step.Total, $"{head}{items}{main}{speed}{left}");
    }

    private static string Span(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    private static int Width()
    {
        try
        {
            return Console.WindowWidth;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
