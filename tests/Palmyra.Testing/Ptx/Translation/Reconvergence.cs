using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Instructions;

namespace Palmyra.Testing.Ptx.Translation;

/// <summary>
/// Finds where lanes that part at a branch meet again: at the branch's immediate post-dominator. The method is Cooper, Harvey and Kennedy's
/// "A Simple, Fast Dominance Algorithm", on the instructions with every edge turned round and the end of the program as the root.
/// </summary>
internal static class Reconvergence
{
    /// <summary>Tells every branch its meeting point: an instruction's number, or the number of instructions where only the end is common.</summary>
    public static void Find(IReadOnlyList<Instruction> code)
    {
        int end = code.Count;
        int[][] next = [.. Enumerable.Range(0, end).Select(i => Successors(code, i, end)), []];
        int[] order = Order(next);
        int[] meeting = new int[end + 1];
        Array.Fill(meeting, -1);
        meeting[end] = end;
        int[] place = new int[end + 1];
        for (int i = 0; i < order.Length; i++)
        {
            place[order[i]] = i;
        }

        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (int instruction in order.AsSpan(1))
            {
                int common = -1;
                foreach (int successor in next[instruction])
                {
                    if (meeting[successor] >= 0)
                    {
                        common = common < 0 ? successor : Common(meeting, place, common, successor);
                    }
                }

                if (meeting[instruction] != common)
                {
                    meeting[instruction] = common;
                    changed = true;
                }
            }
        }

        for (int i = 0; i < end; i++)
        {
            switch (code[i])
            {
                case Branch branch:
                    branch.Meeting = meeting[i] < 0 ? end : meeting[i];
                    break;
                case IndexedBranch branch:
                    branch.Meeting = meeting[i] < 0 ? end : meeting[i];
                    break;
            }
        }
    }

    private static int[] Successors(IReadOnlyList<Instruction> code, int i, int end)
    {
        bool conditional = code[i].Guard is not null;
        IEnumerable<int> jumps = code[i] switch
        {
            Branch branch => [branch.Target],
            IndexedBranch branch => branch.Targets,
            Exit => [end],
            _ => [],
        };
        return [.. code[i] is Branch or IndexedBranch or Exit && !conditional ? jumps : jumps.Append(i + 1)];
    }

    // From the end backwards, each instruction after those it can be reached from in the turned graph: reverse postorder.
    private static int[] Order(int[][] next)
    {
        var before = new List<int>[next.Length];
        for (int i = 0; i < next.Length; i++)
        {
            before[i] = [];
        }

        for (int i = 0; i < next.Length; i++)
        {
            foreach (int successor in next[i])
            {
                before[successor].Add(i);
            }
        }

        var order = new List<int>();
        bool[] seen = new bool[next.Length];
        var open = new Stack<(int Instruction, int Edge)>();
        open.Push((next.Length - 1, 0));
        seen[^1] = true;
        while (open.TryPop(out (int Instruction, int Edge) at))
        {
            if (at.Edge == before[at.Instruction].Count)
            {
                order.Add(at.Instruction);
                continue;
            }

            open.Push((at.Instruction, at.Edge + 1));
            int other = before[at.Instruction][at.Edge];
            if (!seen[other])
            {
                seen[other] = true;
                open.Push((other, 0));
            }
        }

        order.Reverse();
        return [.. order];
    }

    private static int Common(int[] meeting, int[] place, int a, int b)
    {
        while (a != b)
        {
            while (place[a] > place[b])
            {
                a = meeting[a];
            }

            while (place[b] > place[a])
            {
                b = meeting[b];
            }
        }

        return a;
    }
}
