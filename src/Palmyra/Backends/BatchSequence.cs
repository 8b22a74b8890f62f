namespace Palmyra.Backends;

/// <summary>One sequence's part of a <see cref="Batch"/>.</summary>
/// <param name="FirstRow">Its first row in the batch.</param>
/// <param name="Count">Its number of rows: new tokens.</param>
/// <param name="Past">Tokens of it that the cache holds already. New token i is its token number <c>Past + i</c>.</param>
/// <param name="FirstPage">Where its page list starts; see <see cref="Batch.PagesOf"/>.</param>
/// <param name="PageCount">The length of its page list.</param>
public readonly record struct BatchSequence(int FirstRow, int Count, int Past, int FirstPage, int PageCount);
