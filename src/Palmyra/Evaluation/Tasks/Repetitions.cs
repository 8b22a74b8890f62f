using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Tasks;

/// <summary>Refuses a record whose requests were already made by another: a file joined to itself counts twice what it measures.</summary>
/// <remarks>128 bits of SHA-256 are kept for each item, so a long file costs little memory.</remarks>
internal sealed class Repetitions(string file, bool isAllowed)
{
    private readonly Dictionary<UInt128, int> _lines = [];

    public void Add(EvaluationItem item, int line)
    {
        if (!isAllowed && !_lines.TryAdd(Digest(item), line))
        {
            throw new EvaluationException(
                $"{file}, line {line}: the record repeats line {_lines[Digest(item)]}, which would count it twice; remove one of them.");
        }
    }

    private static UInt128 Digest(EvaluationItem item)
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

        return BinaryPrimitives.ReadUInt128LittleEndian(sum.GetHashAndReset());
    }

    private static void Append(IncrementalHash sum, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        sum.AppendData(BitConverter.GetBytes(bytes.Length));
        sum.AppendData(bytes);
    }
}
