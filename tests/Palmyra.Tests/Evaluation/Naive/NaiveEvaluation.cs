using System.Text;
using System.Text.RegularExpressions;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>Σ ln p of some tokens, whether each is the most probable one, and how many they are.</summary>
internal readonly record struct NaiveScore(double LogProbability, bool IsGreedy, int Tokens);

/// <summary>Asks a model every question by itself and sums the answers up.</summary>
/// <param name="model">The model.</param>
/// <param name="protocol">today, 2021 or mtj.</param>
/// <param name="vocabulary">So many logits take part.</param>
internal sealed class NaiveEvaluation(NaiveModel model, string protocol, int vocabulary)
{
    private int _cut;

    /// <summary>How many questions were longer than the model's context.</summary>
    public int Cut => _cut;

    public List<List<NaiveScore>> Score(List<NaiveItem> items) => [.. items.AsParallel().AsOrdered().Select(Score)];

    /// <summary>The most probable token after a text.</summary>
    public int Next(string text)
    {
        int[] ids = [.. Encode(text, " a").Context];
        double[] logits = model.Logits(ids, ids.Length - 1)[0];
        return Array.IndexOf(logits, logits.Max());
    }

    private List<NaiveScore> Score(NaiveItem item) =>
        item.Page is (_, string text) ? [Rolling(text)] : item.Pairs.ConvertAll(pair => Continuation(pair.Context, pair.Continuation));

    private NaiveScore Continuation(string context, string continuation)
    {
        (List<int> before, List<int> after) = Encode(context, continuation);
        List<int> all = [.. before, .. after];
        int keep = model.Context + (protocol == "mtj" ? 0 : 1);
        if (all.Count > keep)
        {
            Interlocked.Increment(ref _cut);
        }

        return Score(all[Math.Max(0, all.Count - keep)..], after.Count);
    }

    // Windows of as many scored tokens as the model reads; the last one reaches back to be full.
    private NaiveScore Rolling(string text)
    {
        List<int> all = [NaiveTokenizer.EndOfText, .. NaiveTokenizer.Encode(text)];
        var total = new NaiveScore(0, true, 0);
        for (int done = 1; done < all.Count; done += model.Context)
        {
            int end = Math.Min(all.Count, done + model.Context);
            NaiveScore part = Score(all[Math.Max(0, end - model.Context - 1)..end], end - done);
            total = new NaiveScore(total.LogProbability + part.LogProbability, total.IsGreedy && part.IsGreedy, total.Tokens + part.Tokens);
        }

        return total;
    }

    private (List<int> Context, List<int> Continuation) Encode(string context, string continuation)
    {
        if (protocol == "mtj")
        {
            return ([NaiveTokenizer.EndOfText, .. NaiveTokenizer.Encode(context)], NaiveTokenizer.Encode(continuation));
        }

        if (context.Length == 0)
        {
            return ([NaiveTokenizer.EndOfText], NaiveTokenizer.Encode(continuation));
        }

        if (protocol == "2021")
        {
            return (NaiveTokenizer.Encode(context), NaiveTokenizer.Encode(continuation));
        }

        // Python's rstrip: blanks of Unicode, and U+001C to U+001F.
        int kept = context.Length;
        while (kept > 0 && (char.IsWhiteSpace(context[kept - 1]) || context[kept - 1] is >= '\u001c' and <= '\u001f'))
        {
            kept--;
        }

        List<int> before = NaiveTokenizer.Encode(context[..kept]);
        return (before, NaiveTokenizer.Encode(context + continuation)[before.Count..]);
    }

    // The last so many of the tokens are scored, each after all before it.
    private NaiveScore Score(List<int> ids, int count)
    {
        double[][] logits = model.Logits([.. ids.SkipLast(1)], ids.Count - 1 - count);
        (double sum, bool isGreedy) = (0, true);
        for (int i = 0; i < count; i++)
        {
            double[] row = logits[i][..vocabulary];
            int token = ids[ids.Count - count + i];
            double largest = row.Max();
            sum += row[token] - largest - Math.Log(row.Sum(value => Math.Exp(value - largest)));
            isGreedy &= protocol == "mtj" ? row[token] == largest : Array.IndexOf(row, largest) == token;
        }

        return new NaiveScore(sum, isGreedy, count);
    }

    /// <summary>The metrics of a task with their standard errors, where those are no bootstrap's.</summary>
    public static Dictionary<string, (double Value, double? Error)> Metrics(List<NaiveItem> items, List<List<NaiveScore>> scores)
    {
        var metrics = new Dictionary<string, (double, double?)>();
        double all = scores.Sum(item => item.Sum(score => score.LogProbability));
        if (items[0].Page is not null)
        {
            double bytes = items.Sum(item => Encoding.UTF8.GetByteCount(item.Page!.Value.Original));
            metrics["word_perplexity"] = (Math.Exp(-all / items.Sum(item => Regex.Split(item.Page!.Value.Original, @"\s+").Length)), null);
            metrics["byte_perplexity"] = (Math.Exp(-all / bytes), null);
            metrics["bits_per_byte"] = (-all / bytes / Math.Log(2), null);
            metrics["token_perplexity"] = (Math.Exp(-all / scores.Sum(item => item.Sum(score => score.Tokens))), null);
        }
        else if (items[0].Pairs.Count == 1)
        {
            metrics["acc"] = Accuracy(scores.ConvertAll(item => item[0].IsGreedy));
            metrics["perplexity"] = (Math.Exp(-all / items.Count), null);
        }
        else
        {
            metrics["acc"] = Choose((_, _) => 1);
            if (items[0].Choices is not null)
            {
                metrics["acc_norm"] = Choose((item, choice) => item.Choices![choice].EnumerateRunes().Count());
                metrics["acc_bytes"] = Choose((item, choice) => Encoding.UTF8.GetByteCount(item.Choices![choice]));
            }
        }

        return metrics;

        (double, double?) Choose(Func<NaiveItem, int, double> length)
        {
            var right = new List<bool>();
            for (int i = 0; i < items.Count; i++)
            {
                List<double> values = [.. scores[i].Select((score, choice) => score.LogProbability / length(items[i], choice))];
                right.Add(values.IndexOf(values.Max()) == items[i].Gold);
            }

            return Accuracy(right);
        }
    }

    private static (double Value, double? Error) Accuracy(List<bool> right)
    {
        double mean = (double)right.Count(hit => hit) / right.Count;
        double squares = right.Sum(hit => Math.Pow((hit ? 1 : 0) - mean, 2));
        return (mean, Math.Sqrt(squares / (right.Count - 1)) / Math.Sqrt(right.Count));
    }
}
