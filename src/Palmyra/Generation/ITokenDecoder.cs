namespace Palmyra.Generation;

/// <summary>Turns one sequence's tokens into text as they come; a tokenizer makes one for each sequence.</summary>
internal interface ITokenDecoder
{
    /// <summary>Takes the next token and returns the text that is now certain: whole characters only, possibly none.</summary>
    string Push(int token);

    /// <summary>Ends the sequence and returns what is left, with replacement characters for bytes that form none.</summary>
    string Flush();
}
