using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Distinguishes a run that makes progress despite failures from one that only fails.</summary>
internal static class Progress
{
    /// <summary>Notes the step that the run has reached. New progress clears earlier failures.</summary>
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

    /// <summary>Resets the count of fruitless generations, after progress or a checkpoint that later losses cannot undo.</summary>
    public static void Forgive(TurnContext turn)
    {
        if (turn.State.FruitlessGenerations > 0 && turn.State.Phase != RunPhase.Draining)
        {
            turn.Change(turn.State with { FruitlessGenerations = 0 });
        }
    }

    /// <summary>Updates the step that the whole generation has committed.</summary>
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
