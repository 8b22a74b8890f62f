using System.Text;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Metrics;

/// <summary>Turns answers into metrics, item by item, by the kind of the task. Add items in the order of the file: sums are taken in it.</summary>
internal abstract class TaskMetrics
{
    /// <summary>The metrics of a task's kind.</summary>
    public static TaskMetrics For(EvaluationTask task) => task.Kind switch
    {
        TaskKind.MultipleChoice => new ChoiceMetrics(task.NormalizesByLength),
        TaskKind.Cloze => new ClozeMetrics(),
        _ => new PerplexityMetrics(),
    };

    /// <summary>Takes an item's answers.</summary>
    public abstract void Add(EvaluationItem item, IReadOnlyList<RequestScore> scores);

    /// <summary>The main metric so far, without its error; null before the first item.</summary>
    public abstract MetricValue? Main { get; }

    /// <summary>All metrics with their errors, the main one first.</summary>
    /// <param name="bootstrapIterations">Resamples for perplexities.</param>
    /// <param name="cancellation">Looked at while resampling.</param>
    public abstract IReadOnlyList<MetricValue> Finish(int bootstrapIterations, CancellationToken cancellation);

    private static MetricValue Accuracy(string name, List<double> hits)
    {
        double[] values = [.. hits];
        return new MetricValue(name, Statistics.Mean(values), Statistics.MeanError(values));
    }

    private static double Perplexity(double sum, double weight) => Math.Exp(-sum / weight);

    /// <summary>acc: the choice of the largest sum is right. acc_norm: of the largest sum by code point of its text. acc_bytes: by UTF-8 byte.</summary>
    /// <remarks>The first of equal choices counts, as numpy's argmax has it. The harness documents acc_norm as by byte; its code counts code points.</remarks>
    private sealed class ChoiceMetrics(bool byLength) : TaskMetrics
    {
        private readonly List<double> _hits = [];
        private readonly List<double> _byCharacter = [];
        private readonly List<double> _byByte = [];
        private double _sum;

        public override MetricValue? Main => _hits.Count == 0 ? null : new MetricValue("acc", _sum / _hits.Count, null);

        public override void Add(EvaluationItem item, IReadOnlyList<RequestScore> scores)
        {
            double[] sums = [.. scores.Select(score => score.LogProbability)];
            _hits.Add(Hit(sums, item.Gold));
            _sum += _hits[^1];
            if (byLength)
            {
                IReadOnlyList<string> texts = item.Choices
                    ?? throw new InvalidOperationException($"Item {item.Index} of a task that normalises by length has no texts to measure.");
                _byCharacter.Add(Hit([.. sums.Select((sum, i) => sum / PythonText.Length(texts[i]))], item.Gold));
                _byByte.Add(Hit([.. sums.Select((sum, i) => sum / Encoding.UTF8.GetByteCount(texts[i]))], item.Gold));
            }
        }

        public override IReadOnlyList<MetricValue> Finish(int bootstrapIterations, CancellationToken cancellation) => byLength
            ? [Accuracy("acc", _hits), Accuracy("acc_norm", _byCharacter), Accuracy("acc_bytes", _byByte)]
            : [Accuracy("acc", _hits)];

        private static double Hit(double[] values, int gold)
        {
            int best = 0;
            for (int i = 1; i < values.Length; i++)
            {
                if (values[i] > values[best])
                {
                    best = i;
                }
            }

            return best == gold ? 1 : 0;
        }
    }

    /// <summary>acc: every token of the continuation is greedy. perplexity: exp(−mean over items of the continuation's ln p), a word's, not a token's.</summary>
    private sealed class ClozeMetrics : TaskMetrics
    {
        private readonly List<double> _hits = [];
        private readonly List<double> _sums = [];
        private double _sum;

        public override MetricValue? Main => _hits.Count == 0 ? null : new MetricValue("acc", _sum / _hits.Count, null);

        public override void Add(EvaluationItem item, IReadOnlyList<RequestScore> scores)
        {
            _hits.Add(scores[0].IsGreedy ? 1 : 0);
            _sums.Add(scores[0].LogProbability);
            _sum += _hits[^1];
        }

        public override IReadOnlyList<MetricValue> Finish(int bootstrapIterations, CancellationToken cancellation)
        {
            double[] values = [.. _sums];
            return
            [
                Accuracy("acc", _hits),
                new MetricValue(
                    "perplexity",
                    Math.Exp(-Statistics.Mean(values)),
                    Bootstrap.StandardError(values, weights: null, Perplexity, bootstrapIterations, cancellation)),
            ];
        }
    }

    /// <summary>exp(−Σ ln p/Σ words), and by byte and by token; bits a byte is the binary logarithm of the byte's. Sums over all texts, not means of means.</summary>
    private sealed class PerplexityMetrics : TaskMetrics
    {
        private readonly List<double> _sums = [];
        private readonly List<double> _words = [];
        private readonly List<double> _bytes = [];
        private readonly List<double> _tokens = [];
        private double _sum, _wordSum;

        public override MetricValue? Main => _wordSum == 0 ? null : new MetricValue("word_perplexity", Perplexity(_sum, _wordSum), null);

        public override void Add(EvaluationItem item, IReadOnlyList<RequestScore> scores)
        {
            _sums.Add(scores[0].LogProbability);
            _words.Add(item.Words);
            _bytes.Add(item.Bytes);
            _tokens.Add(scores[0].Tokens);
            _sum += _sums[^1];
            _wordSum += item.Words;
        }

        public override IReadOnlyList<MetricValue> Finish(int bootstrapIterations, CancellationToken cancellation)
        {
            double[] sums = [.. _sums];
            return
            [
                Metric("word_perplexity", _words, Perplexity),
                Metric("byte_perplexity", _bytes, Perplexity),
                Metric("bits_per_byte", _bytes, (sum, weight) => -sum / weight / Math.Log(2)),
                Metric("token_perplexity", _tokens, Perplexity),
            ];

            MetricValue Metric(string name, List<double> weights, Func<double, double, double> statistic)
            {
                double[] all = [.. weights];
                return new MetricValue(
                    name,
                    statistic(sums.Sum(), all.Sum()),
                    Bootstrap.StandardError(sums, all, statistic, bootstrapIterations, cancellation));
            }
        }
    }
}
