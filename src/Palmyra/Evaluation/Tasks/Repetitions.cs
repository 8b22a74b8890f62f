using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Tasks;

/// <summary>Refuses a record whose requests were already made by another: a file joined to itself counts twice what it measures.</summary>
/// <remarks>
/// 64 bits of SHA-256 are kept for each item, some twenty bytes with the table around them, so a long file costs little memory. Where they are
/// those of an earlier item, the file is read again up to here, which finds that item's line, or that only the bits were the same.
/// </remarks>
/// <param name="data">The file.</param>
/// <param name="task">The task that reads it. Its records lie in lines of their own from the first on.</param>
internal sealed class Repetitions(DataFile data, EvaluationTask task)
{
    private readonly HashSet<ulong> _sums = [];

    public void Add(EvaluationItem item)
    {
        if (!_sums.Add(Sum(item)) && First(item) is int first)
        {
            throw new EvaluationException(
                $"{data.Path}, line {item.Index + 1}: the record repeats line {first + 1}, which would count it twice; remove one of them.");
        }
    }

    private int? First(EvaluationItem item) => task.Read(data)
        .TakeWhile(earlier => earlier.Index < item.Index)
        .FirstOrDefault(earlier => earlier.Requests.SequenceEqual(item.Requests))?.Index;

    private static ulong Sum(EvaluationItem item)
    {
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ScoringRequest request in item.Requests)
        {
            (string context, string scored) = request is ContinuationRequest continuation
                ? (continuation.Context, continuation.Continuation)
                : (string.Empty, ((RollingRequest)request).Text);
            Append(sum, context);
            Append(sum, scored);
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(sum.GetHashAndReset());
    }

    private static void Append(IncrementalHash sum, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        sum.AppendData(BitConverter.GetBytes(bytes.Length));
        sum.AppendData(bytes);
    }
}
