namespace Palmyra.Backends;

/// <summary>How a cache stores keys and values. Narrow to store, wide to compute: attention's sums are 32-bit float in every format.</summary>
public enum CacheFormat
{
    /// <summary>32-bit float: what was computed.</summary>
    F32,

    /// <summary>
    /// IEEE 16-bit float, rounded to nearest, ties to even. Finite numbers beyond ±65504 become ±65504, since refusing in the middle of a
    /// text helps nobody; infinities and NaN stay what they are.
    /// </summary>
    F16,

    /// <summary>
    /// 8-bit integers q from −127 to 127 and one 32-bit scale for each token and head, of its keys and of its values: a number reads as
    /// q·scale. With m the largest magnitude of the head's numbers, but 3.4e38 at most, and every step rounded to 32-bit float:
    /// <code>
    /// scale = m/127     q = round(x/scale), half to even
    /// </code>
    /// What is read gives the same scale and the same integers again, so a page can be copied out and in without a change. Where the scale
    /// is below the smallest normal float (m below 1.5e-36), scale and integers are 0. Where a number is NaN or infinite, the scale is NaN
    /// and the whole head of that token reads as NaN.
    /// </summary>
    Q8,
}
