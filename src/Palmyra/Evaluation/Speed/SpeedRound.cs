namespace Palmyra.Evaluation.Speed;

/// <summary>One round of measurements.</summary>
/// <param name="PrefillSeconds">The prompt, up to its last token's logits.</param>
/// <param name="DecodeSeconds">All decoded tokens.</param>
/// <param name="DecodeAllocatedBytes">What decoding them took from the managed heap, all threads together.</param>
/// <param name="Bandwidth">What the machine read, GB/s.</param>
/// <param name="Peak">What the machine computed, GFLOP/s.</param>
public sealed record SpeedRound(double PrefillSeconds, double DecodeSeconds, long DecodeAllocatedBytes, double Bandwidth, double Peak);
