namespace Palmyra.Generation;

/// <summary>Who uses which cache page: a count for each page, so that sequences with a common beginning share its pages.</summary>
internal sealed class PagePool
{
    private readonly Stack<int> _free = new();
    private int[] _users = [];

    /// <summary>Pages in all.</summary>
    public int Count => _users.Length;

    /// <summary>Pages somebody uses.</summary>
    public int InUse => Count - _free.Count;

    /// <summary>Adds pages up to a number.</summary>
    public void Grow(int count)
    {
        int old = Count;
        Array.Resize(ref _users, count);
        for (int page = count - 1; page >= old; page--)
        {
            _free.Push(page);
        }
    }

    /// <summary>A page with one user.</summary>
    public int Take()
    {
        int page = _free.Pop();
        _users[page] = 1;
        return page;
    }

    /// <summary>One more user of a page.</summary>
    public void Share(int page) => _users[page]++;

    /// <summary>Whether more than one uses the page, so that it must not be written.</summary>
    public bool IsShared(int page) => _users[page] > 1;

    /// <summary>One user less; the last one frees the page.</summary>
    public void Return(int page)
    {
        if (--_users[page] == 0)
        {
            _free.Push(page);
        }
    }

    /// <summary>Whether anybody uses the page.</summary>
    public bool IsUsed(int page) => _users[page] > 0;
}
