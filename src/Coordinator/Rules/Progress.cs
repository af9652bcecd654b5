using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Tells a run that goes on in spite of failures from one that only fails.</summary>
internal static class Progress
{
    /// <summary>The run has got to this step. Farther than ever: what went wrong before is overcome.</summary>
    public static void Note(TurnContext turn, long step)
    {
        if (step <= turn.State.FurthestStep)
        {
            return;
        }

        turn.Refresh(turn.State with { FurthestStep = step });
        Forgive(turn);
        if (turn.State.Phase == RunPhase.Running && turn.State.Failures.Count > 0)
        {
            turn.Change(turn.State with { Failures = [] });
        }
    }

    /// <summary>A checkpoint was written: steps that were undone will not be undone so far again.</summary>
    public static void Forgive(TurnContext turn)
    {
        if (turn.State.FruitlessGenerations > 0 && turn.State.Phase != RunPhase.Draining)
        {
            turn.Change(turn.State with { FruitlessGenerations = 0 });
        }
    }

    /// <summary>Works out how far all of the generation have got.</summary>
    public static void Measure(TurnContext turn)
    {
        var state = turn.State;
        if (state.Phase != RunPhase.Running)
        {
            return;
        }

        if (state.Members.LeastCommittedStep is { } committed && committed > state.CommittedStep)
        {
            turn.Refresh(state with { CommittedStep = committed });
            Note(turn, committed);
        }
    }
}
