"""The simulation: the real pass, late matching, replay, erasure and store, in small worlds full of faults.

One seed is one story, a list of steps (`story`), which actors carry out (`mailing`, `planning`, `ruling`, `passing`)
on servers in memory (`servers`) and on a real store under a virtual clock (`world`). What ought to be stored is worked
out beside it, with none of the program's code (`truth`, `meetings`). Some of it must hold after each step (`always`),
all of it when the faults have stopped (`ending`). `bugs` are faults of the program itself, each of which the stories
must find.

    python -m tests.simulation 17                  the story of seed 17, told and carried out
    python -m tests.simulation 17 --only 3,4,9     no more than these of its steps
"""
